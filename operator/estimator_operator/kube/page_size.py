"""How many objects a page of a list has: as many as fit some megabytes, whatever their size.

The API server counts objects, memory counts bytes: 500 jobs are 4 MB or 700 MB. So the first page is small, the next
follow from the bytes of those before, and a page that turns out too large all the same is not read to its end.
"""

from __future__ import annotations

from typing import Any, Final

_FIRST: Final = 50
_MOST: Final = 500
_GROWTH: Final = 4
PAGE_BYTES: Final = 2 * 2**20
"""What a page is meant to have: decoding it takes some 30 ms, in which the event loop stands still."""
PAGE_BYTES_MOST: Final = 4 * PAGE_BYTES


class PageTooLargeError(Exception):
    """The page was not read to its end; the same one is asked for anew with the smaller limit."""


class PageSize:
    """The limit of the next page.

    Args:
        limit: Fixed from the outside, or None.

    Attributes:
        limit: Objects to ask for.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._fixed = limit is not None
        self.limit = limit or _FIRST

    @property
    def most_bytes(self) -> int | None:
        """Where reading ends; None where there is no smaller page."""
        return None if self.limit == 1 else PAGE_BYTES_MOST

    def read(self, size: int) -> None:
        """A page of so many bytes was read."""
        if not self._fixed:
            wanted = int(self.limit * PAGE_BYTES / max(size, 1))
            self.limit = max(1, min(wanted, self.limit * _GROWTH, _MOST))

    def shrink(self) -> None:
        """A page was too large."""
        self.limit = max(1, self.limit // _GROWTH)


async def read_page(response: Any, size: PageSize) -> bytes:
    """The body of an aiohttp response that is a page of a list.

    Raises:
        PageTooLargeError: It is too large; `size` asks for less now.
    """
    parts, length, most = [], 0, size.most_bytes
    async for part in response.content.iter_any():
        length += len(part)
        if most is not None and length > most:
            response.close()
            size.shrink()
            raise PageTooLargeError
        parts.append(part)
    if response.status < 300:
        size.read(length)
    return b"".join(parts)
