"""A job's code from where people keep its ConfigMap."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from local_jobs import local_job

from estimatorctl.errors import ManifestError
from estimatorctl.local.code import code_files, write_files
from estimatorctl.manifest import read_manifest

DIGITS = Path(__file__).parents[3] / "examples/digits"


def files(folder, *, kustomization=None, config_map=None, items=None):
    code = {"configMap": {"name": "moths-code"} | ({"items": items} if items else {})}
    documents = [local_job(code=code)]
    if config_map is not None:
        documents.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "moths-code"}} | config_map
        )
    if kustomization is not None:
        kustomize(folder, configMapGenerator=[kustomization])
    (folder / "job.yaml").write_text(yaml.safe_dump_all(documents))
    return dict(code_files(read_manifest(folder / "job.yaml")))


def kustomize(folder, **fields):
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(fields))


def generator(**fields):
    return {"name": "moths-code"} | fields


def test_the_digits_example_s_package(tmp_path):
    found = code_files(read_manifest(DIGITS / "job.yaml"))
    write_files(found, tmp_path)

    assert set(found) == {"digits/__init__.py", "digits/data.py", "digits/model.py", "digits/digits.csv.gz"}
    assert (tmp_path / "digits/model.py").read_bytes() == (DIGITS / "digits/model.py").read_bytes()


def test_generated_from_files_and_literals(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/model.py").write_text("model")
    kustomization = generator(files=["src/model.py", "other.py=src/model.py"], literals=["VERSION='1=2'"])

    assert files(tmp_path, kustomization=kustomization) == {
        "model.py": b"model",
        "other.py": b"model",
        "VERSION": b"1=2",
    }


def test_items_lay_keys_out_and_leave_others_away(tmp_path):
    config_map = {"data": {"model.py": "model", "notes": "n"}, "binaryData": {"data.gz": "AAE="}}
    items = [{"key": "model.py", "path": "moths/model.py"}, {"key": "data.gz", "path": "moths/data.gz"}]

    assert files(tmp_path, config_map=config_map, items=items) == {
        "moths/model.py": b"model",
        "moths/data.gz": b"\x00\x01",
    }


def test_the_job_s_own_file_comes_before_a_kustomization(tmp_path):
    found = files(tmp_path, config_map={"data": {"a": "1"}}, kustomization=generator(literals=["a=2"]))
    assert found == {"a": b"1"}


def test_a_kustomizations_resources_are_looked_into(tmp_path):
    overlay, base = tmp_path / "overlay", tmp_path / "base"
    overlay.mkdir()
    base.mkdir()
    (base / "model.py").write_text("model")
    kustomize(base, resources=["../overlay"], configMapGenerator=[generator(files=["model.py"])])
    kustomize(overlay, resources=["job.yaml", "https://example.com/base?ref=v1", "gone.yaml", "../base"])

    assert files(overlay) == {"model.py": b"model"}


def test_a_config_map_among_the_resources(tmp_path):
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "moths-code"},
        "data": {"a": "1"},
    }
    (tmp_path / "code.yaml").write_text(yaml.safe_dump(config_map))
    kustomize(tmp_path, resources=["job.yaml", "code.yaml"])

    assert files(tmp_path) == {"a": b"1"}


def test_resources_in_a_circle_hold_nothing(tmp_path):
    kustomize(tmp_path, resources=["."])
    with pytest.raises(ManifestError, match="no ConfigMap moths-code"):
        files(tmp_path)


def test_a_job_without_code_has_no_files(tmp_path):
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(local_job()))
    assert code_files(read_manifest(tmp_path / "job.yaml")) == {}


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, "no ConfigMap moths-code in this file, and no configMapGenerator of that name in .*--code DIR"),
        ({"kustomization": {"name": "bees-code"}}, "no ConfigMap moths-code"),
        ({"kustomization": {"name": "moths-code", "files": ["gone.py"]}}, "gone.py: No such file"),
        ({"kustomization": {"name": "moths-code", "envs": ["a.env"]}}, "envs are not read by local runs"),
        (
            {"config_map": {"data": {}}, "items": [{"key": "a.py", "path": "a.py"}]},
            "ConfigMap moths-code has no key a.py",
        ),
        ({"config_map": {"binaryData": {"a": "A"}}}, "ConfigMap binaryData"),
    ],
)
def test_code_that_is_not_found(tmp_path, sources, words):
    with pytest.raises(ManifestError, match=words):
        files(tmp_path, **sources)
