"""TLS as Python 3.13 and later begin it, in each Python."""

from __future__ import annotations

import ssl


def strict_contexts(monkeypatch):
    """From now on new contexts refuse what RFC 5280 forbids; gives the list of them."""
    made = []

    def create(*args, **kwargs):
        made.append(known(*args, **kwargs))
        made[-1].verify_flags |= ssl.VERIFY_X509_STRICT
        return made[-1]

    known = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", create)
    return made


def is_strict(context):
    return bool(context.verify_flags & ssl.VERIFY_X509_STRICT)
