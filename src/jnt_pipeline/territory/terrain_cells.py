"""Points gathered in strips as they come, and packed into square cells once all are there."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.territory.sorting import sort_with
from jnt_pipeline.territory.terrain_compiled import compiled

__all__ = ["Box", "CellIndex", "PointStrips"]

Integers = NDArray[np.int32]
Box = tuple[int, int, int, int]
"""West, south, east, north in tenths of a millimetre, all included."""

STRIP = 277_200
"""Height of a strip, tenths of a millimetre: 27.72 m, which has many divisors; a cell has the size of one."""
_CELL_SIZES = np.array([size for size in range(1, STRIP + 1) if STRIP % size == 0])
_SLAB = 1 << 16  # points; a slab is memory of its own, which goes back to the system with it
_POINTS_PER_CELL = 1.2  # measured: the search is fastest between 1 and 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CellIndex:
    """Points of distinct positions, sorted by square cell; lengths in tenths of a millimetre."""

    x: Integers
    """Easting relative to the origin of the cells."""
    y: Integers
    z: Integers
    """Elevation above the vertical datum."""
    starts: Integers
    """First point of each cell, row after row from the south, and the end."""
    frame: tuple[int, int, int, int, int]
    """Cell size, rows, columns, absolute easting and northing of the origin."""

    def __len__(self) -> int:
        return len(self.x)


class PointStrips:
    """Points of a box, gathered in strips from south to north; 12 bytes a point.

    Packed strip by strip, each let go as it goes: at no time are all the points there twice.
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        n_strips = (box[3] - box[1]) // STRIP + 1
        self._slabs: list[list[Integers]] = [[] for _ in range(n_strips)]
        self._counts = np.zeros(n_strips, np.int64)

    def __len__(self) -> int:
        return int(self._counts.sum())

    def add(self, x: Integers, y: Integers, z: Integers) -> None:
        """Points inside the box, (n,) each, relative to its south-west corner; copies are kept."""
        ends = np.zeros(len(self._slabs) + 1, np.int64)
        sorted_points = np.empty((3, len(x)), np.int32)
        _by_strip(x, y, z, sorted_points, ends)
        for strip in np.flatnonzero(np.diff(ends)).tolist():
            begin, end = int(ends[strip]), int(ends[strip + 1])
            while begin < end:
                used = int(self._counts[strip]) % _SLAB
                if not used:
                    self._slabs[strip].append(_slab())
                n = min(end - begin, _SLAB - used)
                self._slabs[strip][-1][:, used : used + n] = sorted_points[:, begin : begin + n]
                self._counts[strip] += n
                begin += n

    def packed(self) -> CellIndex:
        """The points sorted by cell (*rangement par cellule*); the strips are empty afterwards.

        Of several points at one position the lowest is kept. The order within a cell is that of arrival.
        """
        n, n_strips = len(self), len(self._slabs)
        width = self.box[2] - self.box[0] + 1
        ideal = math.sqrt(width * STRIP * n_strips * _POINTS_PER_CELL / max(n, 1))
        cell = int(_CELL_SIZES[np.abs(np.log(_CELL_SIZES / ideal)).argmin()])
        columns, rows_in_strip = -(-width // cell), STRIP // cell
        frame = (cell, rows_in_strip * n_strips, columns, self.box[0], self.box[1])
        x, y, z = (np.empty(n, np.int32) for _ in range(3))
        starts = np.zeros(frame[1] * columns + 1, np.int32)
        kept = 0
        for strip, slabs in enumerate(self._slabs):
            first = strip * rows_in_strip * columns
            cells = starts[first : first + rows_in_strip * columns + 1]
            raw = np.concatenate([*slabs, np.empty((3, 0), np.int32)], axis=1)[:, : self._counts[strip]]
            slabs.clear()
            kept = int(_pack(raw, strip * STRIP, cell, columns, cells, x, y, z, kept))
        self._counts[:] = 0
        return CellIndex(x=x[:kept], y=y[:kept], z=z[:kept], starts=starts, frame=frame)


def _slab() -> Integers:
    return np.frombuffer(mmap.mmap(-1, 3 * 4 * _SLAB), np.int32).reshape(3, _SLAB)


@compiled
def _by_strip(x: Integers, y: Integers, z: Integers, sorted_points: Integers, ends: NDArray[np.int64]) -> None:
    """Counting sort by strip into (3, n); ``ends`` (strips + 1,) receives where each begins, and the end."""
    for i in range(len(x)):
        ends[np.int64(y[i]) // STRIP + 1] += 1
    for k in range(1, len(ends)):
        ends[k] += ends[k - 1]
    walkers = ends[:-1].copy()
    for i in range(len(x)):
        strip = np.int64(y[i]) // STRIP
        j = walkers[strip]
        sorted_points[0, j], sorted_points[1, j], sorted_points[2, j] = x[i], y[i], z[i]
        walkers[strip] = j + 1


@compiled
def _pack(
    raw: Integers,
    south: int,
    cell: int,
    n_columns: int,
    starts: Integers,
    x: Integers,
    y: Integers,
    z: Integers,
    kept: int,
) -> int:
    """Sort the points (3, n) of a strip by cell; those of distinct positions go to ``x, y, z``, from ``kept`` on.

    Of several points at one position the lowest counts. ``starts`` (cells of the strip + 1,) receives the first point
    of each, and the end, which is returned.
    """
    raw_x, raw_y, raw_z = raw[0], raw[1], raw[2]
    n = len(raw_x)
    cells = np.empty(n, np.int32)
    ends = np.zeros(len(starts), np.int32)
    per_cell = 1.0 / cell
    for i in range(n):
        # The quotient rounded down: a product is off by one at most, which the remainder shows.
        row, column = int((raw_y[i] - south) * per_cell), int(raw_x[i] * per_cell)
        row += (raw_y[i] - south - row * cell >= cell) - (raw_y[i] - south - row * cell < 0)
        column += (raw_x[i] - column * cell >= cell) - (raw_x[i] - column * cell < 0)
        cells[i] = row * n_columns + column
        ends[cells[i] + 1] += 1
    for k in range(1, len(ends)):
        ends[k] += ends[k - 1]
    order = np.empty(n, np.int32)
    for i in range(n):
        order[ends[cells[i]]] = i
        ends[cells[i]] += 1  # in the end: where the cell ends
    begin = 0
    for k in range(len(starts) - 1):
        starts[k] = kept
        end = ends[k]
        if end - begin <= 24:
            for o in range(begin, end):
                i = order[o]
                same = -1
                for j in range(starts[k], kept):
                    if x[j] == raw_x[i] and y[j] == raw_y[i]:
                        same = j
                        break
                if same >= 0:
                    z[same] = min(z[same], raw_z[i])
                else:
                    x[kept], y[kept], z[kept] = raw_x[i], raw_y[i], raw_z[i]
                    kept += 1
        else:  # a crowded cell: sort, lest the work grow with its square
            keys, levels = np.empty(end - begin, np.int64), np.empty(end - begin, np.int32)
            for o in range(begin, end):
                i = order[o]
                keys[o - begin] = (np.int64(raw_x[i]) << 32) | np.int64(raw_y[i])
                levels[o - begin] = raw_z[i]
            sort_with(keys, levels)
            for j in range(len(keys)):
                if j > 0 and keys[j] == keys[j - 1]:
                    z[kept - 1] = min(z[kept - 1], levels[j])
                else:
                    x[kept], y[kept] = np.int32(keys[j] >> 32), np.int32(keys[j] & 0xFFFFFFFF)
                    z[kept] = levels[j]
                    kept += 1
        begin = end
    starts[len(starts) - 1] = kept
    return kept
