"""Where a job is shown: redrawn on a terminal, as a log elsewhere; and what the commands are called."""

from __future__ import annotations

import io

import pytest
from job_documents import NOW, states
from rich.console import Console

from estimatorctl import __main__ as command_line
from estimatorctl.render.screen import Screen


def shown(*, terminal):
    console = Console(file=io.StringIO(), width=80, height=30, force_terminal=terminal, color_system=None)
    screen = Screen(console, now=lambda: NOW)
    with screen:
        screen.show(states()["pending"])
        screen.note("a line that stays")
        screen.show(states()["training"])
    screen.page(states()["completed"])
    return console.file.getvalue()


def test_a_terminal_gets_one_page_that_is_redrawn():
    text = shown(terminal=True)

    assert text.count("team/digits  Training  for 5 min 00 s") >= 1
    assert "\x1b[2K" in text, "earlier lines are erased"
    assert "a line that stays" in text
    assert text.rstrip().endswith("/local/export/final/1790000009")


def test_a_file_gets_lines():
    text = shown(terminal=False)

    assert "\x1b" not in text
    assert text.splitlines()[:3] == [
        "12:05:00 PodsPending: worker-1 cannot be scheduled: 0/3 nodes are available",
        "a line that stays",
        "12:05:00 Training: all replicas are ready",
    ]


@pytest.mark.parametrize(
    ("typed", "program"),
    [("/usr/bin/estimatorctl", "estimatorctl"), ("/usr/bin/kubectl-estimator", "kubectl estimator")],
)
def test_help_names_the_command_as_it_was_typed(monkeypatch, capsys, typed, program):
    monkeypatch.setattr("sys.argv", [typed])
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--help"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {program} ")


def test_wrong_usage_ends_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["walk"])

    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
