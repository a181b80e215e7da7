"""The page of benchmarks: each bench writes its own section, with its plot, and leaves what others wrote."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for folder in (TESTS, TESTS / "integration", TESTS / "bench"):
        monkeypatch.syspath_prepend(str(folder))
    import comparison

    return comparison


def figures(comparison: ModuleType, seconds: dict[str, float]):
    """One round of one burst; `seconds` to the last pod by contestant."""
    from burst import Burst

    found = comparison.Figures(bursts=(50,))
    for kind in comparison.KINDS:
        for what in found.what:
            last = seconds[kind.__name__]
            found.note(
                kind,
                what,
                Burst(
                    last_pod=last,
                    to_last_pod=[last],
                    to_end=[],
                    cpu=0.01,
                    resident=50.0,
                    peak=60.0,
                    calls=Counter({"create pods": 5, "create events": 2}),
                ),
            )
    return found


def test_a_section_is_written_anew_in_its_place_and_the_others_stay(comparison, tmp_path):
    from benchmark_page import write_section

    page = tmp_path / "benchmarks.md"
    write_section(page, "bench-operator", ["## Operator", "old"])
    write_section(page, "bench-runtime", ["## Runtime", "figures"])
    write_section(page, "bench-operator", ["## Operator", "new"])

    text = page.read_text()
    assert text.startswith("# Benchmarks\n")
    assert "old" not in text
    assert text.index("new") < text.index("## Runtime\nfigures")
    assert text.count("make bench-operator writes from here") == 1


def test_ratios_of_the_operator_are_to_what_its_peers_needed_in_the_same_run(comparison, tmp_path):
    found = figures(comparison, {"Ours": 3.0, "Peer": 6.0, "PeerAtDefaults": 120.0, "BareScript": 2.0})
    rows = {row.name: row for row in comparison.rows(found)}

    assert rows["burst of 50: last pod / bare script"].measured == 1.5
    assert not rows["burst of 50: last pod / bare script"].ok
    assert rows["burst of 50: last pod / peer tuned"].measured == 0.5
    assert rows["burst of 50: last pod / peer at defaults"].measured == 1 / 40
    assert rows["API calls of one job, events apart"].measured == 5
    page = tmp_path / "benchmarks.md"
    comparison.write(page, found, rows.values(), rounds=1, minutes=1)
    assert "| burst of 50: last pod / bare script | 1.5 | <= 1.4 | **missed** |" in page.read_text()
    assert "| burst of 50: POST to last pod | 3.00 | 6.00 | 120.00 | 2.00 |" in page.read_text()
    assert (tmp_path / comparison.PLOT).read_bytes().startswith(b"\x89PNG")


def test_the_bench_of_stores_tells_what_it_measured_and_what_was_to_come_of_it(monkeypatch):
    for folder in (TESTS, TESTS / "bench", TESTS / "runtime"):
        monkeypatch.syspath_prepend(str(folder))
    import bench_stores
    from runtime_report import Measured

    measured = {name: Measured(cell) for name, cell in bench_stores.cells(20).items()}
    for one in measured.values():
        one.add(ours=9.0, peer=10.0)
    text = "\n".join(bench_stores.section(list(measured.values()), pairs=1, minutes=2))
    assert (
        "| train, 20 MB saved every 100 steps, steps/s | 9 | 10 | 0.90 (0.90-0.90) | >= 0.95 | no | - |"
        in text
    )
    assert (
        "| a checkpoint of 100 MB from the store, MB/s | 9 | 10 | 0.90 (0.90-0.90) | >= 0.8 | yes | - |"
        in text
    )
    assert "| a save of 200 MB on 2 ps, seconds | 9 | 10 | 0.90 (0.90-0.90) | - | - | - |" in text
