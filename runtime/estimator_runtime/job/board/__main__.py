"""Keeps the event files that the environment names."""

import os
import sys

from estimator_runtime.job.board.command import main

if __name__ == "__main__":
    sys.exit(main(os.environ))
