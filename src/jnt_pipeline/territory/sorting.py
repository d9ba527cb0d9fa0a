"""Sorting inside kernels: a heap sort of our own, because numba's takes seconds to compile, and this one a moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled

__all__ = ["sort_values", "sort_with"]


@compiled
def sort_values(values: NDArray[np.float64], n: int) -> None:
    """Sort the first ``n`` values ascending, in place; none is NaN."""
    for start in range(n // 2 - 1, -1, -1):
        _sink(values, start, n)
    for end in range(n - 1, 0, -1):
        values[0], values[end] = values[end], values[0]
        _sink(values, 0, end)


@compiled
def _sink(values: NDArray[np.float64], root: int, end: int) -> None:
    """Let the value at ``root`` sink to its place in the heap that ends before ``end``."""
    moving = values[root]
    while True:
        child = 2 * root + 1
        if child >= end:
            break
        if child + 1 < end and values[child + 1] > values[child]:
            child += 1
        if values[child] <= moving:
            break
        values[root] = values[child]
        root = child
    values[root] = moving


@compiled
def sort_with(keys: NDArray[np.int64], others: NDArray[np.int32]) -> None:
    """Sort ``keys`` (n,) ascending in place; ``others`` (n,) move with them."""
    n = len(keys)
    for start in range(n // 2 - 1, -1, -1):
        _sink_with(keys, others, start, n)
    for end in range(n - 1, 0, -1):
        keys[0], keys[end] = keys[end], keys[0]
        others[0], others[end] = others[end], others[0]
        _sink_with(keys, others, 0, end)


@compiled
def _sink_with(keys: NDArray[np.int64], others: NDArray[np.int32], root: int, end: int) -> None:
    key, other = keys[root], others[root]
    while True:
        child = 2 * root + 1
        if child >= end:
            break
        if child + 1 < end and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= key:
            break
        keys[root], others[root] = keys[child], others[child]
        root = child
    keys[root], others[root] = key, other
