"""What a program left in its directory, as plain data: checkpoints, event files, exports, file names.

Times are left out: of events their wall time, of directories and event files the number in the name, of
speeds (`global_step/sec`) and of how full a queue was the value. So is how many event files there are and how often
each holds the graph: a file is open for a call here and for the life of the process there
(docs/decisions/estimator-differences.md).
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
_TIMED = re.compile(r"/sec$|fraction_(over_\d+_)?of_\d+_full$")
_OF_FILES = ("file_version", "graph_def", "meta_graph_def")
_TAGS = ("serve", "train", "eval")


def of(directory):
    """{"files": .., "checkpoints": .., "events": .., "exports": ..} of everything below a directory."""
    root = Path(directory)
    folders = sorted(path for path in root.rglob("*") if path.is_dir())
    named = _Names(root, folders)
    return {
        "files": {named(path): "here" for path in sorted(root.rglob("*")) if path.is_file()},
        "checkpoints": {
            named(path.with_suffix("")): _variables(path.with_suffix(""))
            for path in sorted(root.rglob("*.index"))
            if path.parent.name != "variables"
        },
        "states": {named(path): _state(path) for path in sorted(root.rglob("checkpoint")) if path.is_file()},
        "events": _events(root, named),
        "exports": {
            named(path): {
                "meta graphs": _meta_graphs(path),
                "variables": _variables(path / "variables" / "variables"),
            }
            for path in [root, *folders]
            if _is_export(path)
        },
    }


class _Names:
    """Paths relative to the directory, of which those named by a time are numbered."""

    def __init__(self, root, folders):
        self._root = root
        self._numbers = {}
        for parent in {folder.parent for folder in folders}:
            timed = sorted(f for f in folders if f.parent == parent and re.fullmatch(r"\d{10}", f.name))
            self._numbers.update({path: f"<time {number}>" for number, path in enumerate(timed)})

    def __call__(self, path):
        parts = []
        while path != self._root:
            parts.append(self._numbers.get(path, path.name))
            path = path.parent
        name = "/".join(reversed(parts))
        return re.sub(r"(events\.out\.tfevents\.).*?(\.v2)?$", r"\1*\2", name)


def _variables(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    return rows_in_use({name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})


def rows_in_use(variables):
    """A checkpoint's variables, of whose hash tables the rows in use alone, in the order of their keys.

    A dense table saves all its buckets, which are in no order that is kept: those not in use have one key, and values that
    nobody has written.
    """
    found = dict(variables)
    for table in (name.removesuffix("-keys") for name in variables if name.endswith("-keys")):
        keys, values = variables[f"{table}-keys"], variables[f"{table}-values"]
        used, first, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
        found[f"{table}-keys"] = {"buckets": len(keys), "used": used[counts == 1]}
        found[f"{table}-values"] = values[first[counts == 1]]
    return found


def _state(path):
    text = path.read_text()
    return [line for line in text.splitlines() if "timestamp" not in line]


def _events(root, named):
    folders = {}
    for path in sorted(root.rglob("*tfevents*")):
        found = folders.setdefault(named(path.parent) or ".", {"kinds": Counter(), "values": {}})
        for event in v1.train.summary_iterator(str(path)):
            kind = event.WhichOneof("what")
            if kind not in ("summary", *_OF_FILES):
                found["kinds"][f"{kind} {event.step}"] += 1
            for value in event.summary.value:
                found["values"].setdefault(f"{value.tag} {event.step}", []).append(_summary(value))
    return {folder: {**found, "kinds": dict(found["kinds"])} for folder, found in folders.items()}


def _summary(value):
    kind = value.WhichOneof("value")
    if _TIMED.search(value.tag):
        return {"kind": kind}
    if kind == "simple_value":
        content = np.float32(value.simple_value)
    elif kind == "tensor":
        content = tf.make_ndarray(value.tensor)
    elif kind == "image":
        content = [value.image.height, value.image.width, value.image.colorspace]
    elif kind == "histo":
        content = [value.histo.min, value.histo.max, value.histo.num, value.histo.sum]
    else:
        content = str(value)
    return {"kind": kind, "content": content, "plugin": value.metadata.plugin_data.plugin_name}


def _is_export(path):
    return any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt"))


def _meta_graphs(path):
    """Every MetaGraph of a SavedModel, loaded, by its tag."""
    found = {}
    for tag in _TAGS:
        with tf.Graph().as_default(), v1.Session() as session:
            try:
                meta_graph = v1.saved_model.load(session, [tag], str(path))
            except RuntimeError:
                continue
            found[tag] = {
                "stripped_default_attrs": meta_graph.meta_info_def.stripped_default_attrs,
                "signatures": {
                    name: {
                        "method": signature.method_name,
                        "inputs": {key: _tensor(info) for key, info in signature.inputs.items()},
                        "outputs": {
                            key: _tensor(info, named=False) for key, info in signature.outputs.items()
                        },
                    }
                    for name, signature in meta_graph.signature_def.items()
                },
                "assets": sorted(asset.filename for asset in meta_graph.asset_file_def),
                "collections": dict.fromkeys(sorted(meta_graph.collection_def), "here"),
            }
    return found


def _tensor(info, named=True):
    # The names of what is fed are part of the interface; those of what is fetched are TensorFlow's to choose.
    shape = v1.TensorShape(info.tensor_shape)
    described = [tf.dtypes.as_dtype(info.dtype).name, str(shape)]
    return [*described, info.name or str(info.coo_sparse)] if named else described
