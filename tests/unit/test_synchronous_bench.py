"""The bench of synchronous training: what a ring has to send, what a process has sent, and the section of the page."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for folder in (TESTS, TESTS / "bench"):
        monkeypatch.syspath_prepend(str(folder))
    import bench_synchronous

    return bench_synchronous


def connection(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = stack.enter_context(closing(socket.create_connection(server.getsockname())))
        other, _ = server.accept()
    return one, stack.enter_context(closing(other))


def send(one: socket.socket, other: socket.socket, count: int) -> None:
    """Sends so many bytes, and reads them all."""
    one.sendall(b"x" * count)
    while count:
        count -= len(other.recv(count))


@pytest.mark.parametrize(
    ("size", "tasks", "expected"), [(939_008, 3, 1_252_010.67), (100, 2, 100), (100, 1, 0), (800, 4, 1200)]
)
def test_a_ring_sends_each_part_twice_around_less_a_task(bench, size, tasks, expected):
    assert bench.of_the_ring(size, tasks) == pytest.approx(expected)


@pytest.mark.usefixtures("bench")
def test_what_a_process_sends_is_counted_by_connection(tmp_path):
    import sockets

    with ExitStack() as stack:
        kept, peer = connection(stack)
        ended, its_peer = connection(stack)
        send(kept, peer, 1000)
        send(ended, its_peer, 50_000)
        before = sockets.sent()
        send(kept, peer, 300)
        send(peer, kept, 20)
        ended.close()
        later, its_peer = connection(stack)
        send(later, its_peer, 7)
        # Neither of these is a TCP connection.
        stack.enter_context((tmp_path / "file").open("w"))
        stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        assert sockets.sent_between(before, sockets.sent()) == 327


@pytest.mark.usefixtures("bench")
def test_a_kernel_that_does_not_count_is_named(monkeypatch):
    import sockets

    monkeypatch.setattr(sockets, "_LONGEST", 104)
    with ExitStack() as stack:
        connection(stack)
        with pytest.raises(sockets.CountsMissingError, match=r"Linux 4\.19"):
            sockets.sent()


def test_figures_are_of_pairs_and_beside_the_ring(bench):
    figures = bench.Figures()
    for ours, peer in ((30.0, 20.0), (10.0, 20.0), (22.0, 20.0)):
        answers = {
            side: [{"speed": speed, "sent": sent, "model": 3000} for sent in (4000, 4100, 4200)]
            for side, speed in (("ours", ours), ("peer", peer))
        }
        answers["peer"][1]["sent"] = 4400
        figures.add(answers)
        figures.add_limits({"ours": ours + 3, "peer": peer + 2})

    assert figures.ring() == 4000
    assert figures.over_the_ring("ours") == 1.025
    text = "\n".join(bench.section(figures, pairs=3, steps=500, minutes=2))
    limits = "bare loop 25 (1.25); bare loop on the peer's TensorFlow 22 (1.10)"
    assert f"| 22 | 20 | 1.10 (0.50-1.50) | >= 1 | yes | {limits} |" in text
    assert "| ours | 4,100 (4,100-4,100) | 1.025 |" in text
    assert "| tf.estimator | 4,200 (4,200-4,200) | 1.050 |" in text
    assert "| the ring, 3,000 bytes of variables | 4,000 | 1 |" in text


def test_sides_that_train_other_models_are_not_compared(bench):
    answers = {
        side: [{"speed": 1.0, "sent": 1.0, "model": size}] for side, size in (("ours", 8), ("peer", 4))
    }
    with pytest.raises(ValueError, match=r"\[4, 8\] bytes"):
        bench.Figures().add(answers)
