"""Chance: reproducible random streams, bounded noise, and nothing whose bits depend on the machine."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOISE_BOUND", "bell", "stream"]

NOISE_BOUND = 2 * 3**0.5
"""``bell`` noise never exceeds this many standard deviations: a hard bound that tests may rely on."""


def stream(seed: int, *keys: str | int) -> np.random.Generator:
    """A random stream of its own for one purpose, e.g. ``stream(2050, "scan", 12)``.

    Text keys go through CRC-32 (Python's ``hash`` changes from run to run). Only ``Generator.random`` is used
    downstream: its stream is the simplest and the least likely to change between versions of numpy.
    """
    numbers = [key if isinstance(key, int) else zlib.crc32(key.encode()) for key in keys]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *numbers])))


def bell(rng: np.random.Generator, shape: tuple[int, ...] | int, sigma: float) -> NDArray[np.float64]:
    """Bell-shaped noise of standard deviation ``sigma``, never beyond ``NOISE_BOUND * sigma``.

    The sum of four uniform numbers (Irwin-Hall): only additions, so the same bits on every processor.
    """
    total = rng.random(shape)
    for _ in range(3):
        total = total + rng.random(shape)
    return np.asarray((total - 2.0) * (sigma * 3**0.5), dtype=np.float64)
