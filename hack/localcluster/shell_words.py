"""Results for shells: `eval "$(hack/cluster apiserver env)"`."""

import shlex
from collections.abc import Mapping


def assignments(values: Mapping[str, object]) -> str:
    """One quoted `export NAME=value` a line."""
    return "\n".join(f"export {name}={shlex.quote(str(value))}" for name, value in values.items())
