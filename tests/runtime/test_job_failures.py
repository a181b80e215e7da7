import pytest
import tensorflow as tf

from estimator_runtime.errors import CheckpointMismatchError
from estimator_runtime.job.failures import describe

RESTORE = "Restoring from checkpoint failed. This is most likely due to {}\n\n{}"


def not_found(detail):
    return tf.errors.NotFoundError(None, None, RESTORE.format("a missing key", detail))


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ValueError("\n  first\nsecond"), 1, "ValueError: first"),
        (KeyError("x"), 1, "KeyError: 'x'"),
        (AssertionError(), 1, "AssertionError: (no message)"),
        (tf.errors.InvalidArgumentError(None, None, "bad\nnode"), 1, "InvalidArgumentError: bad"),
        (tf.errors.UnimplementedError(None, None, "no kernel"), 1, "UnimplementedError: no kernel"),
        (
            tf.errors.UnimplementedError(
                None, None, "File system scheme 's3' not implemented (file: 's3://b')"
            ),
            78,
            "This TensorFlow does not know the model directory's scheme: File system scheme 's3' not implemented "
            "(file: 's3://b')",
        ),
        (
            not_found("Key w not found in checkpoint\n [[node]]"),
            78,
            "The model directory holds a checkpoint of another model: Key w not found in checkpoint",
        ),
        (
            tf.errors.InvalidArgumentError(
                None,
                None,
                RESTORE.format("a mismatch", "Assign requires shapes of both tensors to match. lhs= [1]"),
            ),
            78,
            "The model directory holds a checkpoint of another model: Assign requires shapes of both tensors to "
            "match. lhs= [1]",
        ),
        (
            not_found("Failed to find any matching files for model.ckpt-1"),
            1,
            "NotFoundError: Restoring from checkpoint failed. This is most likely due to a missing key",
        ),
        (CheckpointMismatchError("The variable w has"), 78, "The variable w has"),
    ],
)
def test_each_error_has_a_code_and_one_line(error, code, reason):
    assert describe(error) == (code, reason)


def test_the_cause_of_a_failed_export_is_found():
    error = ValueError("Could not load all requested variables")
    error.__cause__ = not_found("Key w not found in checkpoint")
    assert describe(error)[0] == 78


def test_the_line_is_what_went_wrong_and_not_where():
    message = (
        "Graph execution error:\n\nFrom /job:ps/replica:0/task:0:\n"
        "/model/model.ckpt-0_temp/part-0; No such file or directory\n\t [[{{node save/SaveV2}}]]"
    )
    error = tf.errors.NotFoundError(None, None, message)
    assert describe(error) == (
        1,
        "NotFoundError: /model/model.ckpt-0_temp/part-0; No such file or directory",
    )
