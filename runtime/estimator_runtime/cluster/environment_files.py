"""Variables that are too large for an environment: read from files, and put where programs look for them.

Linux takes no string of more than 128 KiB in the environment of a process that is started, so the operator mounts what
is larger as files (docs/pod-contract.md). What a process says to itself has no such limit: `os.environ` gets the whole
value. The C library's environment, which processes started later inherit, keeps the short one, for else none could be
started; a child that needs the whole reads the files too.
"""

import json
import os
from pathlib import Path
from typing import Any

from estimator_api.constants import ENV_BY_FILE, ENV_ENVIRONMENT_DIR, ENV_TF_CONFIG


def load() -> None:
    """Puts the variables that are files into `os.environ`, unless they are there already.

    Raises:
        OSError: a file cannot be read.
        ValueError: the file of TF_CONFIG holds no JSON object.
    """
    folder = os.environ.get(ENV_ENVIRONMENT_DIR)
    if not folder:
        return
    for name in ENV_BY_FILE:
        path = Path(folder) / name
        short = os.environ.get(name)
        if name == ENV_TF_CONFIG:
            own = _parsed(short)
            if str(path) not in [one for one in own.values() if isinstance(one, str)]:
                continue
            shared = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(shared, dict):
                raise ValueError(f"{path} must hold a JSON object, not {type(shared).__name__}")
            whole = json.dumps({**own, **shared}, separators=(",", ":"), ensure_ascii=False)
        elif short is None and path.exists():
            whole = path.read_text(encoding="utf-8")
        else:
            continue
        os.environ[name] = whole
        if short is None:
            os.unsetenv(name)
        else:
            os.putenv(name, short)


def _parsed(text: str | None) -> dict[str, Any]:
    """A pod's own TF_CONFIG; `{}` for what is none, of which its reader tells."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
