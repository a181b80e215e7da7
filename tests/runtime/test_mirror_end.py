"""The end of a process beside which a mirror runs: what has gone up by then, and what is said where it has not."""

import pytest
from stored_models import FaultyBucket, Process, refuse

from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.mirror.mirroring import Mirroring


@pytest.fixture
def bucket():
    return FaultyBucket()


def mirroring(process):
    made = Mirroring(
        lambda everything: process.round(everything=everything), process.reporter, uri="s3://models/vision"
    )
    made.start()
    return made


def test_everything_has_gone_up_when_it_ends(tmp_path, bucket):
    process = Process(tmp_path / "a", bucket)
    beside = mirroring(process)
    process.save(1)
    process.write("eval/events.out.tfevents.1.host", b"evaluations")
    beside.finish(lambda: 60.0)
    assert beside.has_everything_gone_up
    assert process.reporter.report().checkpoint == "model.ckpt-1"
    assert bucket.read("eval/events.out.tfevents.1.host") == b"evaluations"


def test_a_store_that_is_away_for_a_moment_at_the_end_is_waited_for(tmp_path, bucket):
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    bucket.fault = refuse("checkpoint", times=1)
    beside = mirroring(process)
    beside.finish(lambda: 60.0)
    assert bucket.read("checkpoint") is not None


def test_a_store_that_stays_away_ends_it_with_the_reason(tmp_path, bucket):
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    bucket.fault = refuse("checkpoint")
    beside = mirroring(process)
    with pytest.raises(ModelDirUnavailableError, match="SlowDown"):
        beside.finish(lambda: 0.0)
    assert not beside.has_everything_gone_up
    assert process.reporter.report().error == "SlowDown"
    assert process.reporter.report().behind_since is not None
