"""One rate budget per host and API, shared by all threads (*limite de débit*).

Requests are spaced evenly instead of coming in bursts: whatever second the server counts, it never sees more than the
rate. A server that says 429 holds back every thread that asks it, not only the one that was told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import urlsplit

from jnt_pipeline.services.addresses import DEFAULT_RATE, RATES

__all__ = ["Budgets", "shared_budgets"]


class Budgets:
    """Turns of requests, by address."""

    def __init__(
        self,
        rates: Mapping[str, float] = RATES,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._rates = dict(rates)
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_turn(self, url: str) -> None:
        """Return when a request to ``url`` may leave."""
        while True:
            with self._lock:
                key = self._key(url)
                now = self._clock()
                turn = max(now, self._next.get(key, now), self._paused_until.get(key, now))
                self._next[key] = turn + 1.0 / self._rates.get(key, DEFAULT_RATE)
            if turn > now:
                self._sleep(turn - now)
            with self._lock:
                if self._paused_until.get(key, turn) <= turn:
                    return  # nobody was told to hold back in the meantime

    def pause(self, url: str, seconds: float) -> None:
        """Hold back every request to the API of ``url`` for a time, as its server asked."""
        with self._lock:
            key = self._key(url)
            self._paused_until[key] = max(self._paused_until.get(key, 0.0), self._clock() + seconds)

    def limit(self, url: str, per_second: float) -> None:
        """Take a lower rate for the API of ``url``; a higher one is not taken."""
        with self._lock:
            key = self._key(url)
            self._rates[key] = min(per_second, self._rates.get(key, DEFAULT_RATE))

    def rate(self, url: str) -> float:
        """Requests per second that may go to the API of ``url``."""
        with self._lock:
            return self._rates.get(self._key(url), DEFAULT_RATE)

    def _key(self, url: str) -> str:
        """The longest start of ``url`` that has a rate of its own; else its host."""
        parts = urlsplit(url)
        place = parts.netloc + parts.path.rstrip("/")
        known = [key for key in self._rates if place == key or place.startswith(key + "/")]
        return max(known, key=len, default=parts.netloc)


@cache
def shared_budgets() -> Budgets:
    """The budgets of this process: two sessions together stay within the limits of a host."""
    return Budgets()
