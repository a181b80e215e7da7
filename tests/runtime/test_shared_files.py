"""Whose files a checkpoint consists of, where the tasks of a cluster do not see each other's."""

import pytest
import tensorflow as tf

from estimator_runtime.checkpoints import shared_files

v1 = tf.compat.v1


@pytest.fixture
def savers():
    with tf.Graph().as_default():
        v1.get_variable("w", [1])
        yield {sharded: v1.train.Saver(sharded=sharded) for sharded in (True, False)}


@pytest.mark.parametrize(
    ("sharded", "servers", "alone"), [(True, 2, False), (True, 0, True), (False, 2, True)]
)
def test_a_saver_that_writes_what_all_see_is_taken(savers, sharded, servers, alone):
    if alone:
        with shared_files.of_this_process_alone():
            assert not shared_files.are_shared()
            shared_files.check_saver(savers[sharded], parameter_servers=servers)
    else:
        shared_files.check_saver(savers[sharded], parameter_servers=servers)
    assert shared_files.are_shared()


def test_a_saver_that_writes_a_part_where_nobody_sees_it_is_refused(savers):
    with (
        shared_files.of_this_process_alone(),
        pytest.raises(ValueError, match="saver is sharded: .* Make it with sharded=False"),
    ):
        shared_files.check_saver(savers[True], parameter_servers=2)
