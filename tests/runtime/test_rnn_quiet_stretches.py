"""Steps of RNN Estimators in a loop of the graph are the steps that would be made one by one."""

import pytest
import rnn_data
import stretched
from rnn_data import v1

from estimator_runtime.experimental import RNNClassifier


@pytest.fixture
def stretches(monkeypatch):
    return stretched.watch(monkeypatch)


def estimator(directory, cell_type, steps_per_loop):
    sequences = cell_type == "gru"
    config = rnn_data.config(
        steps_per_loop=steps_per_loop,
        keep_checkpoint_max=0,
        **{**stretched.PERIODS, "save_checkpoints_steps": 20},
    )
    return RNNClassifier(
        [rnn_data.numbers(), rnn_data.fc.embedding_column(rnn_data.words(), 2)],
        [rnn_data.fc.numeric_column("c")],
        units=[4, 3] if cell_type == "simple_rnn" else 4,
        cell_type=cell_type,
        return_sequences=sequences,
        optimizer=lambda: v1.train.AdamOptimizer(0.01),
        model_dir=str(directory),
        config=config,
    )


@pytest.mark.parametrize("cell_type", ["simple_rnn", "lstm", "gru"])
def test_loops_leave_what_single_steps_leave(tmp_path, stretches, cell_type):
    """Checkpoints, to the last bit, and losses, of batches of which each is as long as its longest sequence."""
    labels = rnn_data.each_step(lambda sums: sums > 0) if cell_type == "gru" else "binary"
    left = []
    for steps_per_loop in (1, 7):
        directory = tmp_path / str(steps_per_loop)
        estimator(directory, cell_type, steps_per_loop).train(rnn_data.input_of(labels), max_steps=43)
        left.append((stretched.checkpoints(directory), dict(stretched.events(directory)["loss"])))
    (kept, losses), (kept_by_loops, losses_by_loops) = left
    assert [one.made > 10 for one in stretches] == [False, True]
    assert list(kept) == [f"model.ckpt-{step}" for step in (0, 20, 40, 43)]
    assert kept_by_loops == kept
    common = losses.keys() & losses_by_loops.keys()
    assert len(common) >= 2
    assert {step: losses[step] for step in common} == {step: losses_by_loops[step] for step in common}
