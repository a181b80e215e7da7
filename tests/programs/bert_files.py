"""A BERT of one small layer: its configuration, its words and how its programs are called."""

import json

from absl import flags

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "very"]
LENGTH = 8


def write_configuration(folder):
    """bert_config.json and vocab.txt; gives the flags that name them."""
    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": LENGTH,
        "type_vocab_size": 2,
    }
    (folder / "bert_config.json").write_text(json.dumps(sizes))
    (folder / "vocab.txt").write_text("\n".join([*WORDS, ""]))
    return {"bert_config_file": folder / "bert_config.json", "max_seq_length": LENGTH}


def call(program, **values):
    """Calls a program's main with these flags."""
    flags.FLAGS([program.__name__, *(f"--{name}={value}" for name, value in values.items())])
    program.main(None)
