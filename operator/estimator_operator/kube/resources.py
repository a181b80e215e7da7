"""The kinds of objects the operator touches, and their addresses on the API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from estimator_api import constants as c


@dataclass(frozen=True, slots=True)
class Resource:
    """A namespaced kind; the core group is ""."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Path on the API server: of all namespaces (None), of one, of one object, of its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part is not None]
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class ServedSchema(Resource):
    """The OpenAPI v3 document of a group and version, which everybody may read who may log in."""

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:  # noqa: ARG002  (there is one)
        """Path on the API server."""
        return f"/openapi/v3/apis/{self.group}/{self.version}"


JOBS: Final = Resource(c.GROUP, c.VERSION, c.PLURAL)
PODS: Final = Resource("", "v1", "pods")
SERVICES: Final = Resource("", "v1", "services")
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims")
EVENTS: Final = Resource("events.k8s.io", "v1", "events")
CORE_EVENTS: Final = Resource("", "v1", "events")
"""The same objects; field selectors on the object they regard exist for this form only."""
NODES: Final = Resource("", "v1", "nodes")
"""Of the cluster: their namespace is None."""
SCHEMA: Final = ServedSchema(c.GROUP, c.VERSION, "openapi")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases")
