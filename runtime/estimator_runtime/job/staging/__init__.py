"""`python -m estimator_runtime.job.staging`: brings the inputs of a job to local folders before its program begins.

A folder of an input holds `data`, which the program sees, and `state`: what is not complete yet, and the record of what
is. A file appears in `data` all at once, when its length and checksum are right; an archive appears unpacked, as a whole.
What is there already, and is still what the source has, is not brought again, and half a file is continued.

While it works it serves the progress document of its replica (`tally.py`), with the bytes that are there and nothing else.

Nothing here imports TensorFlow: this runs to its end before each pod begins.
"""
