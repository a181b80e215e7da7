"""The lines of a watch's stream."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable


async def whole_lines(
    chunks: AsyncIterable[bytes], heard: Callable[[], None] = lambda: None
) -> AsyncIterator[bytes]:
    """Lines that are not blank, without their ends. What comes after the last end was cut off, and is none.

    Args:
        chunks: The stream.
        heard: Called for each chunk.
    """
    pending: list[bytes] = []
    async for chunk in chunks:
        heard()
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            pending.append(line)
            whole = b"".join(pending)
            pending.clear()
            if whole.strip():
                yield whole
        if rest:
            pending.append(rest)
