"""The kinds of strings that fields hold, each with the words that say what is wrong with one that is not."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from estimator_api.base import Matching

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOTTED: Final = "[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*"
_PART: Final = "[.]?[^./][^/]*"

Reference = Annotated[
    str,
    Field(max_length=253),
    Matching(f"{_DOTTED}:{_DOTTED}", "must be package.module:attribute, for example trainer.model:model_fn"),
]
"""A Python object."""

ModuleName = Annotated[
    str,
    Field(max_length=253),
    Matching(_DOTTED, "must be a Python module as after `python -m`, for example trainer.task"),
]
"""A Python module."""

ObjectName = Annotated[
    str,
    Field(max_length=253),
    Matching(
        f"{_LABEL}([.]{_LABEL})*",
        "must be the name of a Kubernetes object: lower case letters, digits, '-' and '.', for example digits-code",
    ),
]
"""Name of a Kubernetes object (DNS-1123 subdomain)."""

ConfigMapKey = Annotated[
    str,
    Field(max_length=253),
    Matching(
        "[-._A-Za-z0-9]+",
        "must be a key of a ConfigMap: letters, digits, '-', '_' and '.', for example model.py",
    ),
]
"""Key in a ConfigMap."""

RelativePath = Annotated[
    str,
    Field(max_length=1024),
    Matching(f"{_PART}(/{_PART})*/?", "must be a relative path without `..`, for example trainer/model.py"),
]
"""Path below a directory, which it cannot leave."""

DirectoryName = Annotated[
    str,
    Field(max_length=63),
    Matching(
        "[A-Za-z0-9][-A-Za-z0-9_.]*",
        "must be a directory name: letters, digits, '-', '_' and '.', for example best",
    ),
]
"""Name of one directory."""

ManagedBy = Annotated[
    str,
    Field(max_length=63),
    Matching(
        f"{_LABEL}([.]{_LABEL})*/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
        "must be a domain, a slash and a name, for example kueue.x-k8s.io/multikueue",
    ),
]
"""A controller, as `spec.managedBy` of a Job names it."""

FailureReason = Annotated[
    str,
    Field(max_length=253),
    Matching(
        # With the names of resources in it: the kubelet says OutOfnvidia.com/gpu.
        "[A-Za-z][-A-Za-z0-9_./:,]*",
        "must be a reason as status.failures has it, without spaces, for example OOMKilled",
    ),
]
"""Why a replica failed, in one word."""

Image = Annotated[
    str,
    Field(max_length=1024),
    Matching("[!-~]+", "must be an image without spaces, for example registry.example.com/trainer:1.4"),
]
"""Container image."""

ModelUri = Annotated[
    str,
    Field(max_length=1024),
    Matching(
        "(/|[a-z][-a-z0-9+.]*://)[!-~]+",
        "must be an absolute path or a URI without spaces, for example gs://bucket/digits",
    ),
]
"""A directory that TensorFlow writes to."""

_ARCHIVE: Final = "[.](zip|tgz|tar|tar[.](gz|bz2|xz))"
InputUri = Annotated[
    str,
    Field(max_length=2048),
    Matching(
        f"(s3|gs|az)://[!-~]+|file:///[!-~]+|https?://[!-~]+{_ARCHIVE}([?#][!-~]*)?",
        "must be s3://, gs://, az:// or file:///, or http(s):// of an archive (tar, tar.gz, tgz, tar.bz2, tar.xz, zip), for"
        " example s3://bucket/digits; hdfs:// and other schemes cannot be read",
    ),
]
"""Where an input comes from."""

InputPath = Annotated[
    str,
    Field(max_length=256),
    Matching(
        "(/[A-Za-z0-9][-A-Za-z0-9_.]*)+",
        "must be an absolute path of letters, digits, '-', '_' and '.', for example /data/digits",
    ),
]
"""A folder as a container sees it."""

Location = Annotated[
    str,
    Field(max_length=1024),
    Matching(
        r"/(.*\S)?|(gs|s3|az|file)://\S(.*\S)?|[^\s:/]([^:]*[^\s:])?",
        "must be a path or a URI of gs://, s3:// or az://, neither empty nor with spaces around it; hdfs:// and other schemes"
        " cannot be read or written",
    ),
]
"""A file or directory as a pod sees it, or a URI."""

ScriptPath = Annotated[
    str,
    Field(max_length=1024),
    Matching(r"\S(.*\S)?", "must be a path, neither empty nor with spaces around it"),
]
"""A file that Python runs."""
