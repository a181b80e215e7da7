"""Laying a role's partial pod template over the shared one.

Lists that Kubernetes keeps by a key (containers and volumes by name, mounts by path, and so on) are merged item by
item: an item with the same key is laid over the one below, others are appended. Objects are merged field by field,
null removes a field, and everything else (commands, tolerations, terms of an affinity) is replaced as a whole.

The variables of an environment refer to those before them (`$(NAME)`), so a new one goes before the next one of the
role's that has a place already; others go to the end.

Of objects that may say only one of several things, what is laid over decides which: a volume or a variable that names
another source loses the one below, and so does a probe with another kind of check. Merged, the API server would refuse
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]
_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "resourceClaims": "name",
    "schedulingGates": "name",
}
_ONE_SOURCE: Final = frozenset({"volumes", "env"})
"""Lists whose items keep of what is below only the fields that are named again."""
_ONE_OF: Final = frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"})
"""Kinds of a probe or of a lifecycle hook."""


def lay_over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Json:
    """`upper` laid over `lower`; neither is changed."""
    chooses = bool(_ONE_OF & upper.keys())
    merged = {key: value for key, value in lower.items() if not (chooses and key in _ONE_OF - upper.keys())}
    for key, value in upper.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _field(key, merged.get(key), value)
    return merged


def _field(name: str, lower: Any, upper: Any) -> Any:
    if isinstance(upper, Mapping):
        return lay_over(lower if isinstance(lower, Mapping) else {}, upper)
    if not isinstance(upper, Sequence) or isinstance(upper, str) or not isinstance(lower, Sequence):
        return upper
    if name == "ports":
        return _merged(lower, upper, _same_port, lay_over)
    if name not in _KEYS:
        return upper
    key = _KEYS[name]
    return _merged(
        lower,
        upper,
        lambda one, other: key in one and one[key] == other.get(key),
        _renamed if name in _ONE_SOURCE else lay_over,
        ordered=name == "env",
    )


def merged_by_name(lower: Iterable[Mapping[str, Any]], upper: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Variables of `upper` in the place of those of `lower` with their name; new ones as an overlay puts them."""
    copies = [dict(one) for one in lower]
    return _merged(copies, [dict(one) for one in upper], _same_name, lambda _, one: one, ordered=True)


def _merged(
    lower: Sequence[Json],
    upper: Sequence[Json],
    same: Callable[[Json, Json], bool],
    merge: Callable[[Json, Json], Json],
    *,
    ordered: bool = False,
) -> list[Json]:
    items, new = list(lower), list[Json]()
    for one in upper:
        place = next((number for number, below in enumerate(items) if same(below, one)), None)
        if place is None:
            new.append(one)
            continue
        items[place] = merge(items[place], one)
        if ordered:
            items[place:place] = new
            new = []
    return [*items, *new]


def _same_name(one: Json, other: Json) -> bool:
    return "name" in one and one["name"] == other.get("name")


def _renamed(lower: Json, upper: Json) -> Json:
    return lay_over({key: value for key, value in lower.items() if key in upper}, upper)


def _same_port(one: Json, other: Json) -> bool:
    """Both have the same name, or one of them has none and they are the same port."""
    if one.get("name") and other.get("name"):
        return bool(one["name"] == other["name"])
    return _number(one) == _number(other)


def _number(port: Json) -> tuple[Any, Any]:
    return port.get("containerPort"), port.get("protocol", "TCP")
