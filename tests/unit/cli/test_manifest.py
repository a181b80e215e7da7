"""Reading a job from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from local_jobs import local_job

from estimatorctl.errors import ManifestError
from estimatorctl.manifest import read_manifest


def write(folder, *documents):
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return path


def faults(folder, *documents, **options):
    with pytest.raises(ManifestError) as refused:
        read_manifest(write(folder, *documents), **options)
    return list(refused.value.faults)


def test_defaults_are_those_of_the_crd(tmp_path):
    job = read_manifest(write(tmp_path, local_job(worker={}))).job

    assert job.metadata.namespace == "default"
    assert job.spec.worker.replicas == 1
    assert job.spec.run_policy.backoff_limit == 6
    assert job.spec.progress_port == 8787


def test_every_fault_is_named_with_its_path(tmp_path):
    job = local_job(worker={"replica": 2}, ps={"replicas": -1}, runPolicy={"backofflimit": 1})
    assert faults(tmp_path, job) == [
        "spec.runPolicy.backofflimit: unknown field",
        "spec.worker.replica: unknown field",
        "spec.ps.replicas: must be at least 0",
    ]


def test_broken_rules_are_faults(tmp_path):
    job = local_job(program={"module": "a", "script": "b"})
    assert any("exactly one of module and script" in one for one in faults(tmp_path, job))


def test_a_stored_status_is_not_taken_over(tmp_path):
    job = local_job() | {"status": {"completedReplicas": ["chief-0"]}}
    assert read_manifest(write(tmp_path, job)).job.status.completed_replicas == []


def test_one_of_several_jobs_is_chosen_by_name(tmp_path):
    bees = local_job() | {"metadata": {"name": "bees"}}

    assert faults(tmp_path, local_job(), bees) == ["holds several jobs (moths, bees): choose one with --name"]
    assert read_manifest(write(tmp_path, local_job(), bees), name="bees").job.metadata.name == "bees"
    assert faults(tmp_path, bees, name="moths")[0].startswith("holds no EstimatorJob called moths")


def test_lists_and_config_maps_beside_the_job(tmp_path):
    code = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"a.py": "1"}}
    manifest = read_manifest(write(tmp_path, {"kind": "List", "items": [code, local_job()]}))

    assert manifest.job.metadata.name == "moths"
    assert list(manifest.config_maps) == ["code"]


def test_the_namespace_option_fills_in_and_does_not_override(tmp_path):
    assert read_manifest(write(tmp_path, local_job()), namespace="team").job.metadata.namespace == "team"
    elsewhere = local_job()
    elsewhere["metadata"]["namespace"] = "zoo"
    assert faults(tmp_path, elsewhere, namespace="team") == [
        "metadata.namespace: is zoo, --namespace says team"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "holds no EstimatorJob"), ("- a", "holds a document that is no object"), ("{", "is no YAML")],
)
def test_files_that_are_no_manifests(tmp_path, text, words):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=words):
        read_manifest(path)


def test_a_tfjob_is_pointed_at_the_migration_guide(tmp_path):
    tfjob = {"apiVersion": "kubeflow.org/v1", "kind": "TFJob", "metadata": {"name": "mnist"}}
    (fault,) = faults(tmp_path, tfjob)
    assert "docs/migration.md" in fault
    assert "\n## From a TFJob\n" in (Path(__file__).parents[3] / "docs/migration.md").read_text()
    assert read_manifest(write(tmp_path, tfjob, local_job())).job.metadata.name == "moths"


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ManifestError, match=r"nowhere.yaml: cannot be read: No such file or directory"):
        read_manifest(tmp_path / "nowhere.yaml")
