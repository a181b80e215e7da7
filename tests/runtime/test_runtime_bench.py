"""The bench of the runtime works at tiny sizes. No speed is looked at."""

import pathlib
import sys

import pytest

BENCH = pathlib.Path(__file__).parent.parent / "bench"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import bench_runtime

    return bench_runtime


@pytest.mark.timeout(300)
def test_every_cell_is_measured_with_its_limits_and_drawn(bench, tmp_path):
    import runtime_report
    import side_by_side

    results, said = bench.Results(), []
    with side_by_side.child(sys.executable, "runtime_programs.py", "ours", tmp_path, "--small") as process:
        versions = dict.fromkeys(("ours", "peer"), process.answer()["tensorflow"])
        # One process for both sides: the peer's environment is not what this is about.
        bench.measure_cells(results, dict.fromkeys(("ours", "peer"), process), 0, said.append)

    measured = results.all()
    assert {one.cell for one in measured} >= set(bench.CELLS)
    assert len(said) == len(bench.CELLS)
    for one in measured:
        assert len(one.ours) == len(one.peer) == 1
        limits = {"bare tf.while_loop"} if one.cell is bench.LOOPS else set(bench.CELLS[one.cell][1])
        assert set(one.limits) == limits
    page = tmp_path / "benchmarks.md"
    runtime_report.write(page, measured, versions, 1, 1)
    assert (tmp_path / runtime_report.PLOT).read_bytes().startswith(b"\x89PNG")


def test_the_section_of_the_page_is_written_anew_and_the_others_stay(bench, tmp_path):
    import runtime_report

    one = runtime_report.Measured(bench.FIRST_STEP)
    one.add(2.0, 1.0)
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\n## Another\n\nfigures\n")
    versions = {"ours": "1", "peer": "2"}

    runtime_report.write(page, [one], versions, 1, 1)
    first = page.read_text()
    one.add(0.5, 1.0)
    one.add(0.4, 1.0)
    runtime_report.write(page, [one], versions, 3, 1)

    text = page.read_text()
    assert "2.00 (2.00-2.00) | <= 1 | no" in first
    assert "0.50 (0.40-2.00) | <= 1 | yes" in text
    assert text.count("make bench-runtime writes from here") == 1
    assert "## Another\n\nfigures\n" in text


@pytest.mark.usefixtures("bench")
def test_both_sides_start_with_bytecode_whatever_the_environment_says(monkeypatch, tmp_path):
    import side_by_side

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    script = tmp_path / "says.py"
    script.write_text("import json, sys; print(json.dumps([sys.dont_write_bytecode, sys.pycache_prefix]))")
    with side_by_side.child(sys.executable, script) as process:
        assert process.answer() == [False, str(side_by_side.BYTECODE)]


def test_a_process_that_fails_is_told_with_what_it_wrote(bench, tmp_path):
    import side_by_side

    script = tmp_path / "fails.py"
    script.write_text("import sys; sys.exit('no such table')")
    with side_by_side.child(sys.executable, script) as process:
        with pytest.raises(side_by_side.Failed, match="no such table"):
            process.answer()
