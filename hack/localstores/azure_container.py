"""Making a container in Azurite, by the one signed request that it takes.

The client library knows no call for it, and the account's own tools are no dependency for one request.
"""

import base64
import hashlib
import hmac
import http.client
from email.utils import formatdate
from typing import Final

from localcluster.failure import ClusterError

ACCOUNT: Final = "devstoreaccount1"
KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and key that Azurite is known for."""
_VERSION: Final = "2021-08-06"


def make(container: str, host: str, port: int) -> None:
    """Make the container unless it is there.

    Raises:
        ClusterError: The server says no.
    """
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
    # Shared Key: the verb, eleven headers of which none is sent, the x-ms- headers, and what is asked for.
    to_sign = "\n".join(
        [
            "PUT",
            *[""] * 11,
            *(f"{name}:{value}" for name, value in sorted(headers.items())),
            f"/{ACCOUNT}/{ACCOUNT}/{container}",
            "restype:container",
        ]
    )
    signature = base64.b64encode(
        hmac.new(base64.b64decode(KEY), to_sign.encode(), hashlib.sha256).digest()
    ).decode()
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request(
            "PUT",
            f"/{ACCOUNT}/{container}?restype=container",
            headers={**headers, "Content-Length": "0", "Authorization": f"SharedKey {ACCOUNT}:{signature}"},
        )
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status not in {201, 409}:
        raise ClusterError(f"Azurite does not make the container {container}: {answer.status} {text[:200]}")
