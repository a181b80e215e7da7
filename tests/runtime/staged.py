"""A stager with a clock of its own, and what it has brought."""

from estimator_runtime.job.staging.stager import Stager

LARGE = bytes(range(256)) * 20_000


class Time:
    def __init__(self):
        self.now = 0.0

    def sleep(self, secs):
        self.now += secs


def stager(source, folder, **settings):
    time = Time()
    return Stager(source, folder, clock=lambda: time.now, sleep=time.sleep, **settings)


def data(folder):
    root = folder / "data"
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
