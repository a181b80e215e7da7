"""Kubeflow's training-operator, beside which `make bench-operator` measures: its program and its CRDs."""

import shutil
from pathlib import Path

from localcluster import golang, versions
from localcluster.layout import BUILDS
from localcluster.tools import module_folder
from localcluster.work import once

MODULE = "github.com/kubeflow/training-operator"
PROGRAM = "training-operator.v1"


def folder() -> Path:
    """The folder with the program and `crds/`; builds it when it is not there."""
    return once(
        BUILDS / f"training-operator-{versions.TRAINING_OPERATOR}",
        title=f"building training-operator {versions.TRAINING_OPERATOR} from source",
        expect=180,
        make=_build,
    )


def _build(target: Path) -> None:
    version = versions.TRAINING_OPERATOR
    golang.install([f"{MODULE}/cmd/{PROGRAM}@{version}"], target, log="build-training-operator.log")
    crds = target / "crds"
    crds.mkdir()
    for path in (module_folder(MODULE, version) / "manifests" / "base" / "crds").glob("kubeflow.org_*.yaml"):
        shutil.copyfile(path, crds / path.name)
