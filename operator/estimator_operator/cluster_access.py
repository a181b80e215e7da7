"""How a cluster is reached where kubectl reaches it: for the operator and the command line alike.

The client library merges kubeconfigs too, but the last one's current context wins there, even where it is empty;
kubectl takes the first that there is. It also stumbles over files that hold nothing, or something else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml
from kubernetes.aio.config import ConfigException, load_kube_config

from estimator_operator.environment_proxy import environment_proxy

USUAL_KUBECONFIG: Final = "~/.kube/config"
"""Expanded when it is read: who has neither HOME nor an entry in the list of users has no such file, and may do without."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One file or several, of which the first that says something wins.

    Attributes:
        named: How they were named, for messages.
        files: Those that exist and say something.
        context: The current context; None when no file has one.
    """

    named: str
    files: tuple[str, ...]
    context: str | None

    @classmethod
    def read(cls, paths: str) -> Self:
        """What files say that are named as in KUBECONFIG; those that do not exist are passed over, as empty ones are.

        Raises:
            ConfigException: One is no kubeconfig.
            OSError: One cannot be read.
        """
        files, context = [], None
        for path in map(os.path.expanduser, filter(None, paths.split(os.pathsep))):
            try:
                said = yaml.safe_load(Path(path).read_bytes())
            except FileNotFoundError:
                continue
            except (yaml.YAMLError, ValueError, RecursionError) as error:
                raise ConfigException(f"{path} is no kubeconfig: {error}") from error
            if said is None:
                continue
            if not isinstance(said, dict):
                raise ConfigException(f"{path} is no kubeconfig: it holds no mapping")
            files.append(path)
            context = context or said.get("current-context") or None
        return cls(named=paths, files=tuple(files), context=context)

    async def load(self, context: str | None, configuration: Any) -> str | None:
        """Fills in how the API server of a context (None: of the current one) is reached; returns its namespace, if any.

        Raises:
            ConfigException: There is no such context, or it is not what it must be.
            OSError: A file of it cannot be read.
        """
        if not self.files:
            raise ConfigException(f"{self.named} does not exist or is empty")
        context = context or self.context
        if context is None:
            raise ConfigException(f"{self.named} has no current-context")
        try:
            loader = await load_kube_config(
                os.pathsep.join(self.files), context, configuration, persist_config=False
            )
            namespace = (loader.current_context["context"] or {}).get("namespace")
        except ConfigException as error:
            raise ConfigException(f"{self.named}: {error}") from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # The library takes for granted that every field has the type that it should have.
            raise ConfigException(f"{self.named} is no kubeconfig: {error!r}") from error
        return None if namespace is None else str(namespace)


def reach_as_kubectl(configuration: Any) -> None:
    """Sets what else decides whether a client of this configuration gets through where kubectl does."""
    # From Python 3.13 on certificates are refused that Go takes: those of authorities without a key identifier, say.
    configuration.disable_strict_ssl_verification = True
    # Told to trust the environment, aiohttp looks into .netrc before every call, in a thread, and refuses to send our
    # token where it finds something; beside a client certificate it sends the password. All that is wanted of the
    # environment is the proxy.
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.proxy = configuration.proxy or environment_proxy(configuration.host)
