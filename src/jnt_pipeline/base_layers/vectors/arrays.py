"""From numpy's arrays to Arrow's and back: Arrow's own ways load pandas, which takes as long as 100,000 parcels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["flags", "mask", "numbers"]

_TYPES = {np.dtype(np.int64): pa.int64(), np.dtype(np.float64): pa.float64()}


def flags(mask: NDArray[np.bool_]) -> pa.BooleanArray:
    """A mask, shape (n,), without nulls."""
    packed = np.packbits(mask, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(packed)])


def numbers(values: NDArray[Any]) -> pa.Array:
    """Numbers of 64 bits, shape (n,), without nulls: NaN stays NaN. Nothing is copied where they lie side by side."""
    return pa.Array.from_buffers(_TYPES[values.dtype], len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def mask(values: pa.BooleanArray) -> NDArray[np.bool_]:
    """The truth of each value, shape (n,); there must be no nulls."""
    assert not values.null_count
    if not len(values):
        return np.zeros(0, dtype=bool)
    packed = np.frombuffer(values.buffers()[1], dtype=np.uint8)
    bits = np.unpackbits(packed, count=values.offset + len(values), bitorder="little")
    return bits[values.offset :].view(np.bool_)
