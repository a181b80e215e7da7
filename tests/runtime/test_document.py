"""Every sentence of the Estimator's API document is held by a test that cites it."""

import importlib
from pathlib import Path

from document import CITED, SENTENCES


def test_every_sentence_is_cited_and_every_citation_is_a_sentence():
    for path in Path(__file__).parent.glob("test_document_*.py"):
        importlib.import_module(path.stem)
    assert sorted(set(CITED) - set(SENTENCES)) == []
    assert sorted(set(SENTENCES) - set(CITED)) == []
    assert len(SENTENCES) == len(set(SENTENCES))
