"""BERT's program that writes the outputs of layers: predictions of a TPUEstimator that was never trained.

Its model function takes the variables from a checkpoint by init_from_checkpoint.
"""

import json

import tensorflow.compat.v1 as tf
from bert import extract_features, modeling
from bert_files import LENGTH, call, write_configuration


def write_checkpoint(folder):
    """Variables of the model as its initializers have them."""
    config = modeling.BertConfig.from_json_file(str(folder / "bert_config.json"))
    with tf.Graph().as_default(), tf.Session() as session:
        modeling.BertModel(config, is_training=False, input_ids=tf.ones([1, LENGTH], tf.int32))
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(folder / "bert.ckpt"))


def test_features_of_sentences(tmp_path):
    configuration = write_configuration(tmp_path)
    (tmp_path / "sentences.txt").write_text("a good film\na bad film ||| very bad\n")
    for attempt in ("first", "second"):
        call(
            extract_features,
            input_file=tmp_path / "sentences.txt",
            output_file=tmp_path / f"{attempt}.jsonl",
            vocab_file=tmp_path / "vocab.txt",
            init_checkpoint=tmp_path / "bert.ckpt" if attempt == "second" else write_checkpoint(tmp_path),
            layers="-1",
            batch_size=2,
            **configuration,
        )
    texts = [(tmp_path / f"{attempt}.jsonl").read_text() for attempt in ("first", "second")]
    rows = [json.loads(line) for line in texts[0].splitlines()]
    assert [len(row["features"]) for row in rows] == [5, 8]
    assert len(rows[0]["features"][0]["layers"][0]["values"]) == 8
    # All comes from the checkpoint: the second run finds the same.
    assert texts[0] == texts[1]
