"""The versions that are built and run together. They were tried together; change them together.

The versions of Kubernetes and CoreDNS are those required in `kube/go.mod` and `coredns/go.mod`.
"""

import re
from typing import Final

from localcluster.layout import HACK


def _required(folder: str, module: str) -> str:
    text = (HACK / folder / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{folder}/go.mod does not require {module}")
    return found.group(1)


KUBERNETES: Final = _required("kube", "k8s.io/kubernetes")
KIND: Final = "v0.33.0"
CONTAINERD: Final = "v2.4.2"
CNI_PLUGINS: Final = "v1.9.1"
CRICTL: Final = "v1.36.0"
LOCAL_PATH_PROVISIONER: Final = "v0.0.30"
HELM: Final = "v3.17.3"
TRAINING_OPERATOR: Final = "v1.9.4"
"""The operator that `make bench-operator` measures beside this project's."""
DEBIAN: Final = "bookworm"
PYTHON_IMAGE: Final = "python:3.11-slim-bookworm"
"""The base image of the project's own images wherever a registry can be reached."""
NODE_IMAGE: Final = (
    "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
)
"""The node image that this kind was released with, wherever a registry can be reached."""
