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
SCIENCE: Final = (
    "scipy==1.17.1",
    "scikit-learn==1.9.1",
    "joblib==1.6.0",
    "threadpoolctl==3.8.0",
    "narwhals==2.29.0",
)
# No library, but a program of this folder in the manner of several; `make test` runs it too.
SAMPLE: Final = "what these libraries do, in one file"
PRIVACY: Final = "tensorflow_privacy/privacy"


@dataclass(frozen=True, slots=True)
class Library:
    """One library of the package index.

    Attributes:
        name: of its distribution.
        version: of its distribution; empty for the sample, which needs none.
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
    Library(SAMPLE, "", programs=("manners.py",)),
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
    Library(
        "tensorflow-ranking",
        "0.5.3",
        programs=("ranking_estimators.py",),
        reference=("tensorflow-serving-api==2.15.1",),
        here=("tensorflow-serving-api==2.21.0",),
    ),
    Library(
        "tensorflow-privacy",
        "0.9.0",
        tests=(
            *(f"{PRIVACY}/estimators/{name}_test.py" for name in ("binary_class_head", "multi_class_head")),
            *(f"{PRIVACY}/estimators/{name}_test.py" for name in ("multi_label_head", "dnn")),
            *(f"{PRIVACY}/estimators/v1/{name}_test.py" for name in ("head", "dnn", "linear")),
            *(f"{PRIVACY}/optimizers/{name}_test.py" for name in ("dp_optimizer", "dp_optimizer_vectorized")),
        ),
        both=(
            "dp-accounting==0.4.3",
            "mpmath==1.4.1",
            *SCIENCE,
            *PROBABILITY,
        ),
        reference=("tensorflow-probability==0.23.0",),
        here=("tensorflow-probability==0.25.0",),
    ),
    Library(
        "tensorflow-lattice",
        "2.0.13",
        programs=("lattice_estimators.py",),
        both=SCIENCE,
        stand_ins=("element_tree",),
        differs={
            "*test_classifier[[]quantiles]": "it calls np.quantile(interpolation=), which left NumPy with 2.4; "
            'keypoints that are "uniform", or given, do not.'
        },
    ),
    Library(
        "tensorflow-hub",
        "0.15.0",
        programs=("hub_estimators.py",),
        both=("setuptools==80.9.0",),
    ),
    Library(
        "neural-structured-learning",
        "1.4.0",
        programs=("structured_learning_estimators.py",),
        both=("attrs==25.4.0", "scipy==1.17.1"),
    ),
    Library(
        "mesh-tensorflow",
        "0.1.21",
        programs=("mesh_estimator.py",),
        both=("gin-config==0.5.0",),
        stand_ins=("tensor_conversion",),
    ),
    Library(
        "bert-tensorflow",
        "1.0.4",
        programs=("bert_pretraining.py", "bert_classifier.py", "bert_features.py"),
        both=("tf-slim==1.1.0",),
        stand_ins=("contrib_layers",),
    ),
    Library("tf-models-official", "2.15.0", programs=("neumf_estimator.py",)),
    Library(
        "optuna-integration",
        "5.0.0",
        programs=("optuna_pruning.py",),
        both=(
            "optuna==5.0.0",
            "alembic==1.20.1",
            "colorlog==6.12.0",
            "mako==1.4.3",
            "pyyaml==6.0.3",
            "sqlalchemy==2.1.9",
            "tqdm==4.70.1",
        ),
    ),
    Library("gin-config", "0.5.0", programs=("gin_hook.py",)),
)

# By name and version: what is only read for the names that it says (library_names), and why it is not run.
READ_ONLY: Final = {
    ("tensorflow-model-analysis", "0.45.0"): (
        "its protocol buffers are made for protobuf 3, and TensorFlow 2.15 needs 4."
    ),
    ("tensor2tensor", "1.15.7"): "it imports tensorflow_addons, which has ended and knows no Keras 3.",
}
