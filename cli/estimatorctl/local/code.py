"""A job's code without a cluster: the files of its ConfigMap, laid out as the pods see them under /code.

The ConfigMap is looked for where people keep it: in the job's own file; in a kustomization.yaml beside it that
generates it, or in the files and folders which that names as resources; or (with `--code`) as a folder that takes its
place. Of kustomize only this is read: resources on this machine, and ConfigMaps made from files and literals.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from estimator_api.program import CodeConfigMap
from estimatorctl.errors import ManifestError
from estimatorctl.manifest import Manifest, read_documents

_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def code_files(manifest: Manifest) -> Mapping[str, bytes]:
    """Relative path -> content of every file that the job's pods have under /code; empty when it names no code.

    Raises:
        ManifestError: The ConfigMap, one of its keys or one of its files is not found.
    """
    code = manifest.job.spec.code
    if code is None:
        return {}
    return _laid_out(code.config_map, _content(manifest, code.config_map.name))


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes `files` below `folder`."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _content(manifest: Manifest, name: str) -> Mapping[str, bytes]:
    config_map = manifest.config_maps.get(name)
    if config_map is not None:
        return _decoded(config_map, manifest.path)
    folder = manifest.path.parent
    content = _of_folder(folder.resolve(), name, frozenset())
    if content is not None:
        return content
    fault = (
        f"spec.code.configMap.name: no ConfigMap {name} in this file, and no configMapGenerator of that name in"
        f" {folder / _KUSTOMIZATIONS[0]}; name the folder with the code with --code DIR"
    )
    raise ManifestError([fault], str(manifest.path))


def _of_folder(folder: Path, name: str, seen: frozenset[Path]) -> Mapping[str, bytes] | None:
    """ConfigMap `name` as the kustomization of a folder, or of its resources, makes it; None when none does."""
    file = next((folder / one for one in _KUSTOMIZATIONS if (folder / one).is_file()), None)
    if file is None or folder in seen:
        return None
    documents = list(read_documents(file))
    generated = _generated(documents, name, file)
    if generated is not None:
        return generated
    entries = [entry for one in documents for entry in one.get("resources") or ()]
    # Resources from elsewhere (URLs) are no paths of this machine, and are left to kustomize.
    for path in ((folder / str(entry)).resolve() for entry in entries):
        if path.is_dir():
            found = _of_folder(path, name, seen | {folder})
        else:
            found = _of_resource(path, name) if path.is_file() else None
        if found is not None:
            return found
    return None


def _of_resource(file: Path, name: str) -> Mapping[str, bytes] | None:
    for one in read_documents(file):
        if one.get("kind") == "ConfigMap" and (one.get("metadata") or {}).get("name") == name:
            return _decoded(one, file)
    return None


def _laid_out(config_map: CodeConfigMap, content: Mapping[str, bytes]) -> Mapping[str, bytes]:
    if config_map.items is None:
        return content
    missing = [one.key for one in config_map.items if one.key not in content]
    if missing:
        raise ManifestError(
            [f"spec.code.configMap.items: ConfigMap {config_map.name} has no key {key}" for key in missing]
        )
    return {one.path: content[one.key] for one in config_map.items}


def _decoded(config_map: Mapping[str, Any], source: Path) -> Mapping[str, bytes]:
    text = {key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}
    try:
        binary = {
            key: base64.b64decode(str(value), validate=False)
            for key, value in (config_map.get("binaryData") or {}).items()
        }
    except binascii.Error as error:
        raise ManifestError([f"ConfigMap binaryData: {error}"], str(source)) from error
    return {**text, **binary}


def _generated(
    documents: Sequence[Mapping[str, Any]], name: str, kustomization: Path
) -> Mapping[str, bytes] | None:
    """What the generator of ConfigMap `name` makes, or None when there is no such generator."""
    generators = [
        one
        for document in documents
        for one in document.get("configMapGenerator") or ()
        if one.get("name") == name
    ]
    if not generators:
        return None
    content: dict[str, bytes] = {}
    for one in generators:
        if one.get("envs") or one.get("env"):
            raise ManifestError(
                [f"configMapGenerator {name}: envs are not read by local runs"], str(kustomization)
            )
        content |= _of_files(one.get("files") or (), kustomization)
        for literal in one.get("literals") or ():
            key, _, value = str(literal).partition("=")
            content[key] = _unquoted(value).encode()
    return content


def _of_files(entries: Sequence[Any], kustomization: Path) -> dict[str, bytes]:
    content = {}
    for entry in entries:
        key, equals, path = str(entry).partition("=")
        file = kustomization.parent / (path if equals else key)
        try:
            content[key if equals else file.name] = file.read_bytes()
        except OSError as error:
            raise ManifestError(
                [f"configMapGenerator: {file}: {error.strerror}"], str(kustomization)
            ) from error
    return content


def _unquoted(value: str) -> str:
    """Kustomize takes one pair of quotes off a literal."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
