"""Writes the trips of a made-up town to data/train.csv and data/eval.csv; every run writes the same.

    python make_trips.py

A fare is a base price, kilometres and minutes, with a surcharge at night and a fixed price between the airport and the
centre, rounded to ten cents, plus a tip that nobody can predict (standard deviation 0.8).
"""

import csv
import pathlib

import numpy as np

DATA = pathlib.Path(__file__).with_name("data")
ZONES = ["airport", "centre", "harbour", "hills", "market", "old town", "station", "university"]
PLACES = np.array([[14, 3], [0, 0], [-3, -2], [2, 6], [1, -1], [-1, 1], [1, 1], [-4, 3]], float)  # km


def make_trips(count, seed):
    """`count` trips as rows of text."""
    random = np.random.RandomState(seed)
    for _ in range(count):
        start, end = random.choice(len(ZONES), size=2, p=[0.16, 0.2, 0.1, 0.08, 0.12, 0.12, 0.14, 0.08])
        hour, weekday = random.randint(24), random.randint(7)
        distance = 0.8 + 1.3 * np.hypot(*(PLACES[start] - PLACES[end])) * random.uniform(0.9, 1.2)
        rush = weekday < 5 and (7 <= hour < 10 or 16 <= hour < 19)
        minutes = distance * (3.4 if rush else 2.0)
        fare = 3.4 + 1.5 * distance + 0.35 * minutes
        if hour >= 22 or hour < 6:
            fare += 3.0
        if {ZONES[start], ZONES[end]} == {"airport", "centre"}:
            fare = 36.0
        fare = max(3.4, round(fare, 1) + random.normal(0, 0.8))
        passengers = random.choice([1, 2, 3, 4], p=[0.6, 0.25, 0.1, 0.05])
        yield [
            ZONES[start],
            ZONES[end],
            str(weekday),
            str(hour),
            f"{distance:.2f}",
            str(passengers),
            f"{fare:.2f}",
        ]


def main():
    """Writes both files."""
    DATA.mkdir(exist_ok=True)
    for name, count, seed in (("train.csv", 2400, 1), ("eval.csv", 600, 2)):
        with open(DATA / name, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(make_trips(count, seed))


if __name__ == "__main__":
    main()
