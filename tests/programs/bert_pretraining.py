"""BERT's program of pre-training on made-up sentences: a TPUEstimator with use_tpu=False trains, evaluates, goes on."""

import numpy as np
import tensorflow.compat.v1 as tf
from bert import run_pretraining
from bert_files import LENGTH, WORDS, call, write_configuration

RECORDS, MASKED = 16, 2


def write_records(path):
    random = np.random.default_rng(0)

    def integers(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    with tf.python_io.TFRecordWriter(str(path)) as writer:
        for _ in range(RECORDS):
            features = {
                "input_ids": integers(*random.integers(5, len(WORDS), LENGTH)),
                "input_mask": integers(*[1] * LENGTH),
                "segment_ids": integers(*[0] * LENGTH),
                "masked_lm_positions": integers(1, 2),
                "masked_lm_ids": integers(*random.integers(5, len(WORDS), MASKED)),
                "masked_lm_weights": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0] * MASKED)),
                "next_sentence_labels": integers(random.integers(2)),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def test_pretraining(tmp_path):
    write_records(tmp_path / "records")
    common = {
        "input_file": tmp_path / "records",
        "max_predictions_per_seq": MASKED,
        "train_batch_size": 8,
        "eval_batch_size": 8,
        "num_warmup_steps": 1,
        "max_eval_steps": 2,
        "do_train": True,
        "do_eval": True,
        **write_configuration(tmp_path),
    }
    call(run_pretraining, output_dir=tmp_path / "first", num_train_steps=4, **common)
    written = (tmp_path / "first" / "eval_results.txt").read_text()
    found = dict(line.split(" = ") for line in written.splitlines())
    assert found["global_step"] == "4"
    assert set(found) == {
        "global_step",
        "loss",
        "masked_lm_accuracy",
        "masked_lm_loss",
        "next_sentence_accuracy",
        "next_sentence_loss",
    }
    assert np.isfinite(float(found["loss"]))
    # Fine-tuning begins at what was trained: the variables of the second are those of the first, and a step.
    call(
        run_pretraining,
        output_dir=tmp_path / "second",
        init_checkpoint=tmp_path / "first" / "model.ckpt-4",
        num_train_steps=1,
        **common | {"learning_rate": 0.0},
    )
    name = "bert/embeddings/word_embeddings"
    tables = [
        tf.train.load_checkpoint(str(tmp_path / part)).get_tensor(name)
        for part in ("first/model.ckpt-4", "second/model.ckpt-1")
    ]
    np.testing.assert_allclose(*tables)
