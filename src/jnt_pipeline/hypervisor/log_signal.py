"""LogSignal: wakes the waiting streams of a server when any process commits to the feed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.feed import Feed

__all__ = ["LogSignal"]

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.25  # one PRAGMA per interval for all clients together


class LogSignal:
    """A counter of the commits seen, that coroutines can wait on."""

    def __init__(self) -> None:
        self._count = 0
        self._moved = asyncio.Event()

    async def wait_after(self, seen: int) -> int:
        """The count, once it is beyond ``seen``: a commit between reading and waiting is never missed."""
        while self._count <= seen:
            await self._moved.wait()
        return self._count

    @asynccontextmanager
    async def polling(self, feed: Feed) -> AsyncIterator[None]:
        """Poll the feed in the background while the context lasts."""
        task = asyncio.create_task(self._poll(feed))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _poll(self, feed: Feed) -> None:
        watch = feed.watch()
        try:
            while True:
                try:
                    changed = await run_in_threadpool(watch.has_changed)
                except DeliveryError as error:  # the file is away, perhaps about to be delivered anew
                    logger.warning("%s", error)
                    changed = False
                if changed:
                    self._count += 1
                    moved, self._moved = self._moved, asyncio.Event()
                    moved.set()
                await asyncio.sleep(POLL_INTERVAL_S)
        finally:
            watch.close()
