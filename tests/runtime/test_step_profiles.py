"""What the profiler shows of a training: the steps that were made meanwhile, each as one."""

import linear_model
import tensorflow as tf
from linear_model import train_input, v1
from tensorflow.tsl.profiler.protobuf import xplane_pb2


def steps_in_profile(directory):
    """Numbers of the steps in a profile."""
    (path,) = directory.rglob("*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    found = set()
    for plane in space.planes:
        names = {key: metadata.name for key, metadata in plane.stat_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            if plane.event_metadata[event.metadata_id].name == "train":
                found |= {s.int64_value for s in event.stats if names[s.metadata_id] == "step_num"}
    return found


class Profiles(v1.train.SessionRunHook):
    """Begins a profile at the end of step 1, and ends it at the end of step 3, which the profiler has not seen whole."""

    def __init__(self, directory):
        self.directory, self.steps = str(directory), 0

    def after_run(self, run_context, run_values):
        self.steps += 1
        if self.steps == 1:
            tf.profiler.experimental.start(self.directory)
        if self.steps == 3:
            tf.profiler.experimental.stop()


def test_a_profile_shows_the_steps_that_were_made_meanwhile(tmp_path):
    linear_model.estimator(tmp_path / "model").train(
        train_input, hooks=[Profiles(tmp_path / "profile")], steps=5
    )
    assert steps_in_profile(tmp_path / "profile") == {2}
