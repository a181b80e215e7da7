"""The catalogue: public libraries on tf.estimator, what each needs, and which of its parts are run.

Versions are the last whose Estimator parts run on TensorFlow 2.15. Requirements are installed without what they require
in turn, since that names other TensorFlows; so all of it is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

KERAS_2: Final = {"TF_USE_LEGACY_KERAS": "1"}
PROBABILITY: Final = ("cloudpickle==3.1.2", "decorator==5.2.1", "dm-tree==0.1.9", "attrs==25.4.0")


@dataclass(frozen=True, slots=True)
class Library:
    """One library of the package index.

    Attributes:
        name: of its distribution.
        version: of its distribution.
        tests: its own test files, as paths in its distribution.
        programs: files of this folder that use the library, where its distribution has no tests.
        both: further requirements, on both sides.
        reference: further requirements beside TensorFlow 2.15.
        here: further requirements beside this runtime.
        variables: of the environment here.
        stand_ins: names in stand_ins.py of what Python and TensorFlow dropped before 2.15, given back on both sides.
        differs: patterns (fnmatch) of names of tests that end otherwise here, with the reason.
    """

    name: str
    version: str
    tests: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    both: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=lambda: KERAS_2)
    stand_ins: tuple[str, ...] = ()
    differs: Mapping[str, str] = field(default_factory=dict)

    def requirements(self, side: tuple[str, ...]) -> tuple[str, ...]:
        """All that is installed on a side whose own requirements are `side`."""
        return (f"{self.name}=={self.version}", *self.both, *side)


LIBRARIES: Final = (
    Library("deepctr", "0.9.4", programs=("deepctr_estimators.py",)),
    Library(
        "tensorflow-gan",
        "2.1.0",
        tests=tuple(
            f"tensorflow_gan/python/estimator/{name}_estimator_test.py"
            for name in ("gan", "latent_gan", "stargan", "tpu_gan")
        ),
        both=("tensorflow-hub==0.16.1", "setuptools==80.9.0", *PROBABILITY),
        reference=("tensorflow-probability==0.23.0",),
        here=("tensorflow-probability==0.25.0",),
        stand_ins=("getargspec",),
    ),
    Library("adanet", "0.9.0", programs=("adanet_estimators.py",), stand_ins=("aliases", "tracking")),
    Library("tf-slim", "1.1.0", programs=("tf_slim_model.py",)),
)
