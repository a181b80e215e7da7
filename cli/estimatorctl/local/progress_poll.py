"""Asking the replicas how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import aiohttp

from estimator_api import MalformedProgressError, Progress, parse_progress
from estimator_api.progress import MAX_PROGRESS_BYTES
from estimatorctl.local.child import Child
from estimatorctl.local.launch import LOOPBACK

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


async def poll(session: aiohttp.ClientSession, children: Iterable[Child]) -> bool:
    """Asks every live child; whether any said something new.

    A child that does not answer, or not with a progress document, keeps what it said before.
    """
    asked = [one for one in children if one.alive]
    answers = await asyncio.gather(*(_ask(session, one.launch.progress_port) for one in asked))
    news = False
    for child, answer in zip(asked, answers, strict=True):
        if answer is not None:
            news = news or not child.ready or _content(answer) != _content(child.progress)
            child.heard(answer)
    return news


async def _ask(session: aiohttp.ClientSession, port: int) -> Progress | None:
    try:
        async with session.get(f"http://{LOOPBACK}:{port}/progress", timeout=_TIMEOUT) as response:
            if response.status != 200:
                return None
            return parse_progress(await response.content.read(MAX_PROGRESS_BYTES + 1))
    except (aiohttp.ClientError, TimeoutError, MalformedProgressError):
        return None


def _content(progress: Progress | None) -> Progress | None:
    """The document without the time at which it was made."""
    return None if progress is None else progress.model_copy(update={"time": None})
