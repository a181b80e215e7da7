"""How much of a pod's inputs is there: in steps of ten percent, whatever a pod says."""

from __future__ import annotations

import pytest

from estimator_api import MalformedProgressError, parse_progress
from estimator_api.progress import InputsProgress, bytes_text


@pytest.mark.parametrize(
    ("staged", "total", "percent"),
    [
        (0, 10, 0),
        (9, 100, 0),
        (10, 100, 10),
        (99, 100, 90),
        (100, 100, 100),
        (1, 3, 30),
        (2**63 - 1, 2**63 - 1, 100),
        (200, 100, 100),
        (10**300, 100, 100),
        (5, None, None),
        (5, 0, None),
        (0, 0, None),
        (5, -1, None),
        (-1, 100, None),
        (5, 2**63, None),
        (5, 10**300, None),
    ],
)
def test_percent_and_the_coarse_document(staged, total, percent):
    inputs = InputsProgress(staged_bytes=staged, total_bytes=total)
    assert inputs.percent == percent
    coarse = inputs.coarse()
    assert (coarse.percent, coarse.coarse()) == (percent, coarse)
    assert coarse.total_bytes == (None if percent is None else total)


def test_what_is_in_one_step_is_one_document():
    coarse = {InputsProgress(staged_bytes=one, total_bytes=1234).coarse().staged_bytes for one in range(1235)}
    assert len(coarse) == 11


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (2_254_857_830, "2.1 GiB"),
        (2**63 - 1, "8.0 EiB"),
        (2**80, "1048576.0 EiB"),
    ],
)
def test_amounts(amount, text):
    assert bytes_text(amount) == text


@pytest.mark.parametrize("inputs", ["7", "[]", '"all"', '{"stagedBytes": "many"}', '{"totalBytes": 1.5}'])
def test_what_is_no_amount_is_no_document(inputs):
    with pytest.raises(MalformedProgressError):
        parse_progress(f'{{"role": "chief", "inputs": {inputs}}}')
