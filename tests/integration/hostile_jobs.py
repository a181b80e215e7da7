"""Jobs at the API server's limits of depth and size, made over raw HTTP: nothing here can parse them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from api_server import ApiServer

DEEP = (300, 3_000, 9_000)
"""Levels of nesting: what models refuse, what decoders refuse, what the API server barely takes."""
LARGE = 1_400_000
"""Bytes of a job's parameters; etcd takes objects of 1.5 MiB."""


def deep_job(name: str, levels: int) -> bytes:
    """A job whose parameters are nested so deep."""
    return _with_params(name, '{"a":' * levels + "1" + "}" * levels)


def large_job(name: str, size: int, **spec: object) -> bytes:
    """A job whose parameters have so many bytes."""
    return _with_params(name, json.dumps({"text": "x" * size}), **spec)


def create_raw(server: ApiServer, namespace: str, body: bytes) -> int:
    """Creates a job without reading what the API server answers; returns its HTTP status."""
    request = urllib.request.Request(
        f"{server.url}/apis/estimator.dev/v1alpha1/namespaces/{namespace}/estimatorjobs",
        data=body,
        method="POST",
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, context=server.tls(), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _with_params(name: str, params: str, **spec: object) -> bytes:
    text = json.dumps(
        {
            "apiVersion": "estimator.dev/v1alpha1",
            "kind": "EstimatorJob",
            "metadata": {"name": name},
            "spec": {
                "estimator": {
                    "mode": "Train",
                    "modelFn": "trainer:model_fn",
                    "params": "PARAMS",
                    "train": {"inputFn": "trainer:input_fn", "maxSteps": 10},
                },
                "image": "registry.example.com/trainer:1",
                "modelDir": {"uri": f"gs://models/{name}"},
                **spec,
            },
        }
    )
    return text.replace('"PARAMS"', params).encode()
