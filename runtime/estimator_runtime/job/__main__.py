"""`python -m estimator_runtime.job`."""

import sys

from estimator_runtime.job.command import main

if __name__ == "__main__":
    main(sys.argv[1:])
