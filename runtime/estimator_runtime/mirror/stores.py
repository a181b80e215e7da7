"""Clients of object stores, set up as the SDKs' environment variables say.

Credentials, region and endpoint are read from the environment by the library: static keys, web identity tokens and the
metadata services of the clouds. What it asks of a store is repeated by it, or once, where the caller looks first what
has become of a request.
"""

import os
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from estimator_runtime.mirror import files, plain_words
from estimator_runtime.mirror.locations import Location

if TYPE_CHECKING:
    # The library has these names for type checkers alone.
    from obstore.store import AzureConfig, ClientConfig, ObjectStore, RetryConfig


class _Sized(Protocol):
    @property
    def size(self) -> int | None: ...


_Object = TypeVar("_Object", bound=_Sized)
UNUSABLE: Final = (BaseError, OSError, ValueError, TypeError)
"""What is raised where the environment says what cannot be."""
_REQUEST_TIMEOUT: Final = "2m"
"""For a part on a slow line; what hangs is ended by it."""
_REPEATING: Final["RetryConfig"] = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
_ONCE: Final["RetryConfig"] = {"max_retries": 0}
_BLOB_ENDPOINT: Final = f"BlobEndpoint in {plain_words.CONNECTION_STRING}"
_AZURE_ENDPOINTS: Final = ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "az": (*_AZURE_ENDPOINTS, _BLOB_ENDPOINT),
    "gs": ("GOOGLE_BASE_URL",),
}
_ACCOUNT_NAMES: Final = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_AZURE: Final = {
    "account_name": ("AccountName", _ACCOUNT_NAMES[1], _ACCOUNT_NAMES[:1]),
    "account_key": (
        "AccountKey",
        "AZURE_STORAGE_KEY",
        ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"),
    ),
    "sas_key": ("SharedAccessSignature", None, ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")),
    "endpoint": ("BlobEndpoint", None, _AZURE_ENDPOINTS),
}
"""The library's option -> its name in a connection string, in Azure's command line, and the variables that it reads."""


def open_store(
    place: Location, variables: Mapping[str, str] = os.environ, *, repeats: bool = True
) -> "ObjectStore":
    """A client of the store at `place`, whose keys are relative to its prefix.

    Args:
        place: where.
        variables: `AWS_CA_BUNDLE` names a file of authorities to trust; an endpoint that begins with http:// is meant;
            Azure's account is named as its SDK, its command line or a connection string names it.
        repeats: whether the library repeats requests that fail.

    Raises:
        obstore.exceptions.BaseError, OSError, ValueError, TypeError: the environment says what cannot be.
    """
    client: ClientConfig = {"timeout": _REQUEST_TIMEOUT}
    azure = _azure_options(variables) if place.scheme == "az" else {}
    settings = {**variables, _BLOB_ENDPOINT: azure.get("endpoint", "")}
    endpoints = {name: settings[name] for name in _ENDPOINTS[place.scheme] if settings.get(name)}
    for name, endpoint in endpoints.items():
        _check_endpoint(name, endpoint)
    if any(endpoint.startswith("http://") for endpoint in endpoints.values()):
        client["allow_http"] = True
    authorities = variables.get("AWS_CA_BUNDLE")
    if authorities:
        client["root_certificate"] = _authorities(authorities)
    prefix, retry = place.prefix or None, _REPEATING if repeats else _ONCE
    if place.scheme == "s3":
        return S3Store(place.container, prefix=prefix, client_options=client, retry_config=retry)
    if place.scheme == "gs":
        return GCSStore(place.container, prefix=prefix, client_options=client, retry_config=retry)
    return AzureStore(
        place.container, config=azure or None, prefix=prefix, client_options=client, retry_config=retry
    )


def listed(
    pages: Iterable[Sequence[Any]], made: Callable[[Any], _Object], folders: Iterable[str] = ()
) -> dict[str, _Object]:
    """The objects of a listing by key, without those that are seen to stand for folders.

    Consoles and file system gateways put an empty object under `folder/`. The library drops that slash, so it has the
    key of a file, which nobody can read. One that has nothing below it looks like an empty file.

    Args:
        pages: what the library lists.
        made: makes of an object of the library's what is returned.
        folders: of which the listing tells the names alone.
    """
    found: dict[str, _Object] = {}
    for page in pages:
        for one in page:
            key: str = one["path"]
            # A file and a folder may have the same name.
            if key and (one["size"] or key not in found):
                found[key] = made(one)
    if all(one.size for one in found.values()):
        return found
    above = {*folders, *(folder for key in found for folder in files.folders_of(key))}
    return {key: one for key, one in found.items() if one.size or key not in above}


def _azure_options(variables: Mapping[str, str]) -> "AzureConfig":
    """What tells of an account in ways that the library does not read; what it reads itself comes first."""
    text = variables.get(plain_words.CONNECTION_STRING, "")
    parts = dict(part.strip().split("=", 1) for part in text.split(";") if "=" in part)
    account, suffix = parts.get("AccountName"), parts.get("EndpointSuffix")
    named = next((variables[name] for name in _ACCOUNT_NAMES if variables.get(name)), account)
    if named != account:
        # The string is of another account, and so are its key and its endpoint.
        parts = {}
    elif account and suffix:
        protocol = parts.get("DefaultEndpointsProtocol", "https")
        parts.setdefault("BlobEndpoint", f"{protocol}://{account}.blob.{suffix}")
    options = {}
    for option, (part, shell, known) in _AZURE.items():
        value = (shell and variables.get(shell)) or parts.get(part)
        if value and not any(variables.get(name) for name in known):
            options[option] = value
    return cast("AzureConfig", options)


def _check_endpoint(name: str, endpoint: str) -> None:
    """Refuses what is no address: the library would end by a panic, which no handler takes for an error."""
    try:
        parts = urllib.parse.urlsplit(endpoint)
        is_address = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", endpoint)
        )
        is_address = is_address and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        said = plain_words.of_uri(endpoint)
        raise ValueError(f"{name} is {said!r}, which must be http:// or https://, a host, and perhaps a port")


def _authorities(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise OSError(
            f"AWS_CA_BUNDLE names {path}, which cannot be read ({error.strerror}): mount it"
        ) from None
