"""Writes data/ and vocab.txt: made-up reviews of a hotel, most of them without a label, as they come.

python make_reviews.py
"""

import csv
import pathlib
import random

THINGS = ["room", "bed", "breakfast", "staff", "view", "pool", "wifi", "shower", "garden", "coffee"]
PRAISE = ["great", "lovely", "clean", "friendly", "quiet", "perfect"]
BLAME = ["awful", "dirty", "rude", "noisy", "broken", "cold"]
DEGREES = ["very", "really", "rather", "quite"]
# Words that turn a judgement round.
TURNS = ["not", "never", "hardly"]
OPENINGS = ["the", "our", "their"]
ENDINGS = ["and we stayed three nights", "on the second day", "for the price", "this time", "as always"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {"train": 600, "dev": 200, "test": 100, "unlabelled": 3000}


def vocabulary():
    """All words, the special ones first."""
    words = {word for part in (THINGS, PRAISE, BLAME, DEGREES, TURNS, OPENINGS) for word in part}
    words |= {word for ending in ENDINGS for word in ending.split()} | {"is", "was"}
    return [*SPECIAL, *sorted(words)]


def review(rng):
    """A text, and whether it praises."""
    praises, is_turned = rng.random() < 0.5, rng.random() < 0.4
    words = [rng.choice(OPENINGS), rng.choice(THINGS), rng.choice(["is", "was"])]
    if is_turned:
        words.append(rng.choice(TURNS))
    if rng.random() < 0.5:
        words.append(rng.choice(DEGREES))
    words.append(rng.choice(PRAISE if praises else BLAME))
    if rng.random() < 0.5:
        words.append(rng.choice(ENDINGS))
    return " ".join(words), int(praises != is_turned)


def make_reviews(name):
    """The rows (text, label) of one file; the same each time."""
    rng = random.Random(name)
    return [review(rng) for _ in range(SIZES[name])]


def main():
    """Writes the files beside this one."""
    here = pathlib.Path(__file__).parent
    (here / "vocab.txt").write_text("\n".join(vocabulary()) + "\n")
    for name in SIZES:
        with (here / "data" / f"{name}.tsv").open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerows(
                [text] if name == "unlabelled" else [text, label] for text, label in make_reviews(name)
            )


if __name__ == "__main__":
    main()
