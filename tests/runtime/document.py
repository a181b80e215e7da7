"""The sentences of the Estimator's API document, and which test holds which.

`estimator_document.txt` is the table of the sentences. Its words for older things are read as their successors:
"fit" is train, "BaseMonitor" is SessionRunHook, and "`x`" and "`y`" are the features and labels of an input function.
"""

import inspect
from pathlib import Path

SENTENCES = Path(__file__).with_name("estimator_document.txt").read_text().splitlines()
CITED = {}


def cites(*sentences):
    """Says which sentences of the document a test holds."""

    def mark(test):
        for sentence in sentences:
            CITED.setdefault(sentence, []).append(test.__name__)
        return test

    return mark


def parameters(function):
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def with_defaults(*names):
    return [(name, None) for name in names]
