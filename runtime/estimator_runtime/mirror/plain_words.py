"""What went wrong with a store, in one line that holds no credentials.

A client's message may show the whole request: its address with a signature in the query, or headers. Of an address
only host and path are kept, and the values of the variables that hold secrets are replaced wherever they occur.
"""

import os
import re
from collections.abc import Mapping
from typing import Final

_SECRET_VARIABLE: Final = re.compile(
    r"(AWS|AZURE|GOOGLE)_\w*(KEY|TOKEN|SECRET|SAS|PASSWORD)\w*", re.IGNORECASE
)
_FILE: Final = re.compile(r"_FILE$", re.IGNORECASE)
_QUERY: Final = re.compile(r"(https?://[^\s?\"]+)\?[^\s\",)]*")
_USER: Final = re.compile(r"(https?://)[^/\s@]+@")
_CODE: Final = re.compile(r"<Code>([^<]{1,100})</Code>")
_LONGEST: Final = 300
_SHORTEST_SECRET: Final = 4


def of_uri(uri: str) -> str:
    """`uri` without user, password, query and fragment, any of which may be a credential."""
    return _USER.sub(r"\1", re.split("[?#]", uri, maxsplit=1)[0])


def of(error: BaseException, variables: Mapping[str, str] = os.environ) -> str:
    """`error` in one line of at most 300 characters, with the store's own error code where it sent one."""
    text = str(error)
    code = _CODE.search(text)
    # What follows is the client's own source structure, for its authors.
    line = " ".join(text.partition("\n\nDebug source:")[0].split())
    if code is not None:
        line = f"{code[1]}: {line}"
    line = _USER.sub(r"\1", _QUERY.sub(r"\1", line))
    for name, value in variables.items():
        if _SECRET_VARIABLE.fullmatch(name) and not _FILE.search(name) and len(value) >= _SHORTEST_SECRET:
            line = line.replace(value, "***")
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
