"""Kubeconfig files, written as JSON (which is YAML), readable by their owner only."""

import base64
import json
import os
from pathlib import Path


def write(path: Path, *, name: str, server: str, authority: Path, token: str) -> None:
    """A kubeconfig with one cluster, one user and one current context, all called `name`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": name, "user": {"token": token}}],
    }
    partial = path.with_name(path.name + ".partial")
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    partial.replace(path)
