"""Brings the inputs that the environment names."""

import os
import sys

from estimator_runtime.job.staging.command import main

if __name__ == "__main__":
    sys.exit(main(os.environ))
