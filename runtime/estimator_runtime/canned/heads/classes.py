"""Names of classes: label vocabularies, and predictions as words."""

import numbers
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned.heads import targets
from estimator_runtime.canned.heads.keys import PredictionKeys
from estimator_runtime.errors import LabelKindError, NumberOfClassesError


def check_number(n_classes: Any) -> None:
    """Refuses a number of classes that is no whole number; how many there must be is the head's affair.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(n_classes, numbers.Integral):
        raise NumberOfClassesError(f"n_classes must be an integer. Given: {n_classes!r}")


class Classes:
    """The classes of a classification.

    Args:
        count: how many.
        vocabulary: their names in the order of their numbers; None when labels are numbers.

    Raises:
        ValueError: the vocabulary is no list or tuple, or is not as long as `count`.
    """

    def __init__(self, count: int, vocabulary: Sequence[str] | None) -> None:
        if vocabulary is not None and not isinstance(vocabulary, list | tuple):
            raise ValueError(f"label_vocabulary should be a list or a tuple. Given type: {type(vocabulary)}")
        if vocabulary is not None and len(vocabulary) != count:
            raise ValueError(
                f'"label_vocabulary" does not have "n_classes" items. len(label_vocabulary)={len(vocabulary)}, n_classes={count}, label_vocabulary={vocabulary}'
            )
        self.count = count
        self.vocabulary = None if vocabulary is None else tuple(vocabulary)

    def ids(self, labels: Any) -> Any:
        """Tensor of the classes' numbers, for labels that are numbers or, with a vocabulary, words.

        A word that is not in the vocabulary has the number -1.

        Raises:
            ValueError: words without a vocabulary, or numbers with one.
        """
        if self.vocabulary is None:
            if labels.dtype == tf.string:
                raise LabelKindError(
                    f"Labels dtype should be integer. Instead got {labels.dtype}. Labels that are words need a "
                    "label_vocabulary."
                )
            return labels
        if labels.dtype != tf.string:
            raise LabelKindError(
                f"Labels dtype should be string if there is a vocabulary. Instead got {labels.dtype}"
            )
        with tf.name_scope("class_id_lookup"):
            table = _table(self.vocabulary, tf.range(self.count, dtype=tf.int64), -1)
        return table.lookup(labels)

    def names_of(self, ids: Any) -> Any:
        """String Tensor of the names of classes, from their numbers."""
        if self.vocabulary is None:
            return tf.strings.as_string(ids, name="str_classes")
        # By a table, as in tf.estimator: an export's collection of initialisers names it.
        with tf.name_scope("class_string_lookup"):
            table = _table(tf.range(self.count, dtype=tf.int64), self.vocabulary, "UNK")
        return table.lookup(ids)

    def all_ids(self, logits: Any) -> Any:
        """Int32 Tensor of all classes' numbers for each example, [D0, 0 to count - 1]."""
        return _for_each(tf.range(self.count), logits)

    def all_names(self, logits: Any) -> Any:
        """String Tensor of all classes' names for each example, [D0, count]."""
        names = self.vocabulary or [str(index) for index in range(self.count)]
        return _for_each(tf.constant(names, tf.string), logits)

    def predictions(self, logits: Any, *, all_first: bool = False) -> dict[str, Any]:
        """Dict of class_ids, classes, all_class_ids and all_classes, for logits with one number for each class.

        Args:
            logits: float Tensor [D0, ..., DN, count].
            all_first: whether the operations of the last two are made first: the order numbers those without names.
        """

        def of_all() -> dict[str, Any]:
            return {
                PredictionKeys.ALL_CLASS_IDS: self.all_ids(logits),
                PredictionKeys.ALL_CLASSES: self.all_names(logits),
            }

        made = of_all() if all_first else {}
        ids = tf.expand_dims(tf.argmax(logits, axis=-1, name="class_ids"), -1)
        own = {PredictionKeys.CLASS_IDS: ids, PredictionKeys.CLASSES: self.names_of(ids)}
        return {**own, **(made or of_all())}

    def in_range(self, ids: Any) -> Any:
        """`ids`, checked when the graph runs."""
        return targets.in_range(ids, self.count)


def _table(keys: Any, values: Any, default: Any) -> Any:
    """A table from keys to values, tensors or words, of the name that tf.estimator's have: what it finds is called after it."""
    keys, values = (tf.constant(one, tf.string) if isinstance(one, tuple) else one for one in (keys, values))
    initializer = tf.lookup.KeyValueTensorInitializer(keys, values, name="table_init")
    return tf.lookup.StaticHashTable(initializer, default, name="hash_table")


def _for_each(row: Any, logits: Any) -> Any:
    """`row` once for each example of the batch."""
    return tf.tile(tf.expand_dims(row, 0), [tf.shape(logits)[0], 1])


class OfClasses:
    """What heads of classes have under the names by which those that libraries make of them ask."""

    _classes: Classes

    @property
    def _n_classes(self) -> int:
        return self._classes.count

    @property
    def _label_vocabulary(self) -> tuple[str, ...] | None:
        return self._classes.vocabulary
