"""Loads an exported digits model and asks it for ten images that training never saw.

    python ask.py EXPORT_DIRECTORY

Prints one line per image and ends with an error unless at least nine of the ten answers are right. It needs the
directory `digits` beside it (or /code on PYTHONPATH) for the images.
"""

import sys

import tensorflow as tf
from digits.data import held_out


def main(export: str) -> int:
    """Asks the model in directory `export`; returns the exit code."""
    images, digits = held_out()
    serve = tf.saved_model.load(export).signatures["serving_default"]
    answers = serve(pixels=tf.constant(images[:10]))["digit"].numpy()
    for number, (answer, truth) in enumerate(zip(answers, digits[:10], strict=True)):
        print(f"held-out image {number}: the model says {answer}, it is {truth}")
    right = int((answers == digits[:10]).sum())
    print(f"{right} of 10 right")
    return 0 if right >= 9 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
