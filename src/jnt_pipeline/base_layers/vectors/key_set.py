"""The keys of all batches of a layer, to find those met before (*doublons*): a hash table of sixteen-byte rows.

A key of up to fifteen bytes of UTF-8 (every cadastral identifier) is kept itself, with its length; a longer one as 120
bits of its BLAKE2b digest. Two long keys fall together once in 10¹⁸ layers of a billion records, and nobody can make
two that do.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jnt_pipeline.base_layers.vectors.arrays import mask
from jnt_pipeline.base_layers.vectors.wkb import parts_of
from jnt_pipeline.libraries.compiled import compiled

__all__ = ["KeySet"]

_WHOLE = 15  # bytes; the sixteenth is the length
_SMALLEST = 1 << 16
_LARGEST = 1 << 26  # slots made at once, whatever a file promises
_FULL = 0.7


class KeySet:
    """Keys met so far: 23 bytes for each of those expected; beyond, it grows by doubling."""

    def __init__(self, n_expected: int = 0) -> None:
        n_slots = max(_SMALLEST, min(int(n_expected / _FULL) + 1, _LARGEST))
        self._table = np.zeros((n_slots, 2), dtype=np.uint64)
        self._n = 0

    def met_before(self, keys: pa.Array) -> NDArray[np.bool_]:
        """Which keys were met before, in this batch or another; they are remembered. Absence is a key like another.

        Parameters: ``keys``, a column of text, shape (n,).
        """
        packed = _packed(keys)
        while self._n + len(packed) > _FULL * len(self._table):
            larger = np.zeros((2 * len(self._table), 2), dtype=np.uint64)
            _insert(larger, self._table, np.zeros(len(self._table), dtype=np.bool_))
            self._table = larger
        met = np.zeros(len(packed), dtype=np.bool_)
        self._n += int(_insert(self._table, packed, met))
        return met


def _packed(keys: pa.Array) -> NDArray[np.uint64]:
    """Sixteen bytes for each key, never all zero, shape (n, 2)."""
    text = keys.cast(pa.large_binary())
    data, starts = parts_of(text)
    packed = np.zeros((len(keys), 16), dtype=np.uint8)
    _pack(data, starts, packed)
    long = np.flatnonzero(np.diff(starts) > _WHOLE)
    for row in long.tolist():
        digest = hashlib.blake2b(data[starts[row] : starts[row + 1]].tobytes(), digest_size=_WHOLE).digest()
        packed[row, :_WHOLE] = np.frombuffer(digest, dtype=np.uint8)
        packed[row, _WHOLE] = 0xFF
    if keys.null_count:
        absent = mask(keys.is_null())
        packed[absent] = 0
        packed[absent, _WHOLE] = 0xFE
    return packed.view(np.uint64)


@compiled
def _pack(data: Any, starts: Any, packed: Any) -> None:
    for row in range(len(starts) - 1):
        at, n = starts[row], starts[row + 1] - starts[row]
        if n <= 15:
            for k in range(n):
                packed[row, k] = data[at + k]
            packed[row, 15] = n + 1


@compiled
def _insert(table: Any, packed: Any, met: Any) -> int:
    """Put keys into the table, passing over empty rows; returns how many were new."""
    n_slots = np.uint64(len(table))
    n_new = 0
    for row in range(len(packed)):
        low, high = packed[row, 0], packed[row, 1]
        if low == 0 and high == 0:
            continue
        # finaliser of SplitMix64 (G. L. Steele and others, 2014)
        h = low ^ (high * np.uint64(0x9E3779B97F4A7C15))
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        h ^= h >> np.uint64(31)
        slot = ((h >> np.uint64(32)) * n_slots) >> np.uint64(32)  # D. Lemire, 2019: any number of slots below 2³²
        while True:
            if table[slot, 0] == 0 and table[slot, 1] == 0:
                table[slot, 0], table[slot, 1] = low, high
                n_new += 1
                break
            if table[slot, 0] == low and table[slot, 1] == high:
                met[row] = True
                break
            slot += np.uint64(1)
            if slot == n_slots:
                slot = np.uint64(0)
    return n_new
