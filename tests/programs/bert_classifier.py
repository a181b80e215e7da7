"""BERT's program of classification on made-up sentences: trains, evaluates and predicts.

It asks shapes for `.value`, as TensorFlow 1 had it, so TensorFlow 2's behavior is off, there and here.
"""

import numpy as np
import tensorflow.compat.v1 as tf
from bert import run_classifier
from bert_files import call, write_configuration

tf.disable_v2_behavior()

ROWS = 16


def write_sentences(folder):
    """The three files of CoLA; that of the test has a header and two columns."""
    lines = [f"x\t{i % 2}\t\ta {'good' if i % 2 else 'bad'} film" for i in range(ROWS)]
    for name in ("train", "dev"):
        (folder / f"{name}.tsv").write_text("\n".join([*lines, ""]))
    tests = [f"{i}\ta very {'good' if i % 2 else 'bad'} film" for i in range(ROWS)]
    (folder / "test.tsv").write_text("\n".join(["index\tsentence", *tests, ""]))


def test_classification(tmp_path):
    write_sentences(tmp_path)
    call(
        run_classifier,
        data_dir=tmp_path,
        task_name="cola",
        vocab_file=tmp_path / "vocab.txt",
        output_dir=tmp_path / "model",
        do_train=True,
        do_eval=True,
        do_predict=True,
        train_batch_size=8,
        num_train_epochs=2,
        **write_configuration(tmp_path),
    )
    written = (tmp_path / "model" / "eval_results.txt").read_text()
    found = {key: float(value) for key, value in (line.split(" = ") for line in written.splitlines())}
    assert set(found) == {"eval_accuracy", "eval_loss", "global_step", "loss"}
    assert found["global_step"] == 4
    predicted = np.loadtxt(tmp_path / "model" / "test_results.tsv")
    assert predicted.shape == (ROWS, 2)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
