"""The user guide's kustomization: code by an immutable ConfigMap whose name changes with it, and the job's reference too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml
from api_server import REPOSITORY, ApiServer
from code_blocks import code_blocks

GUIDE = REPOSITORY / "docs/user-guide.md"


def names(server: ApiServer, folder: Path) -> tuple[str, str]:
    """Name of the ConfigMap, and the one that the job asks for."""
    built = subprocess.run(
        [str(server.kubectl_path), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    documents = {one["kind"]: one for one in yaml.safe_load_all(built.stdout)}
    assert documents["ConfigMap"]["immutable"] is True
    named = documents["EstimatorJob"]["spec"]["code"]["configMap"]["name"]
    return documents["ConfigMap"]["metadata"]["name"], named


def test_changed_code_is_another_config_map(bare_api_server: ApiServer, tmp_path: Path) -> None:
    job, *_ = (text for kind, text in code_blocks(GUIDE) if kind == "yaml")
    (text,) = (text for kind, text in code_blocks(GUIDE) if kind == "yaml" and "configMapGenerator" in text)
    kustomization, references = text.split("---\n")
    (tmp_path / "kustomization.yaml").write_text(kustomization)
    (tmp_path / "names.yaml").write_text(references)
    (tmp_path / "job.yaml").write_text(job)
    code = tmp_path / "digits/model.py"
    code.parent.mkdir()
    code.write_text("RATE = 1")
    first = names(bare_api_server, tmp_path)
    code.write_text("RATE = 2")
    second = names(bare_api_server, tmp_path)
    for one in (first, second):
        assert one[0] == one[1] != "digits-code"
    assert first != second


def test_code_beyond_256_kib_is_applied_by_the_server_alone(
    bare_api_server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "code.yaml"
    code = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "code"},
        "data": {"a.py": "#" * 300_000},
    }
    file.write_text(yaml.safe_dump(code))
    command = ("apply", "--namespace", namespace, "-f", str(file))
    plain = subprocess.run(
        [str(bare_api_server.kubectl_path), "--kubeconfig", str(bare_api_server.kubeconfig), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "metadata.annotations: Too long" in plain.stderr
    bare_api_server.kubectl(*command, "--server-side")
    assert "metadata.annotations: Too long" in GUIDE.read_text()
    assert "kubectl apply --server-side" in GUIDE.read_text()
