"""What Linux takes of a process' arguments and environment, and the sizes that those of a container will have.

Kubernetes expands `$(NAME)` before the process is started, so it is the expanded sizes that count. Of values that are
in the cluster (valueFrom, envFrom) nothing is known: what is refused by these sizes could not be started for certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from estimator_api import constants as c

LARGEST: Final = c.LARGEST_VARIABLE
"""Of one string, with the zero at its end."""
LARGEST_SUM: Final = 2_097_152
"""Of all strings together and the pointers to them: a quarter of the stack of 8 MiB that containers have."""
_POINTER: Final = 8
_REFERENCE: Final = re.compile(r"\$\$|\$\(([^()$]*)\)")


class Part(NamedTuple):
    """One string.

    Attributes:
        field: command, args or env.
        key: Its number, or the name of the variable.
        size: Bytes once it is expanded, with name, `=` and the zero at its end.
    """

    field: str
    key: str
    size: int

    @property
    def is_variable(self) -> bool:
        """It is one of the environment."""
        return self.field == "env"

    def __str__(self) -> str:
        """Where it is in a container."""
        return f"{self.field}[{self.key}]"


def parts_of(container: Mapping[str, Any], env: Iterable[Any]) -> list[Part]:
    """The strings of a container's process, with `env` for its variables."""
    sizes: dict[str, int] = {}
    for one in env:
        if isinstance(one, Mapping) and isinstance(one.get("name"), str):
            value = one.get("value")
            sizes[one["name"]] = _expanded(value, sizes) if isinstance(value, str) else 0
    return [
        *(
            Part(field, str(number), _expanded(text, sizes) + 1)
            for field in ("command", "args")
            for number, text in enumerate(_list(container.get(field)))
            if isinstance(text, str)
        ),
        *(Part("env", name, len(f"{name}=".encode()) + size + 1) for name, size in sizes.items()),
    ]


def sum_of(parts: Sequence[Part]) -> int:
    """What all of them take together."""
    return sum(one.size + _POINTER for one in parts)


def _expanded(text: str, sizes: Mapping[str, int]) -> int:
    size = len(text.encode())
    for found in _REFERENCE.finditer(text):
        if found[0] == "$$":
            size -= 1
        elif found[1] in sizes:
            size += sizes[found[1]] - len(found[0].encode())
    return size


def _list(value: Any) -> list[Any]:
    """A list; whatever else stands there is the API server's to refuse."""
    return value if isinstance(value, list) else []
