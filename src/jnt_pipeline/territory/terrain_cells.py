"""Points gathered in strips as they come, and sorted into square cells window by window."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.sorting import sort_with

__all__ = ["Box", "CellIndex", "CellWindow", "PointStrips"]

Integers = NDArray[np.int32]
Box = tuple[int, int, int, int]
"""West, south, east, north in tenths of a millimetre, all included."""
Mapped = Callable[[Callable[[int], "_Sorted"], Iterable[int]], Iterator["_Sorted"]]
"""What ``map`` is, or that of a pool of threads."""

STRIP = 277_200
"""Height of a strip, tenths of a millimetre: 27.72 m, which has many divisors; a cell has the size of one."""
_CELL_SIZES = np.array([size for size in range(1, STRIP + 1) if STRIP % size == 0])
_SLAB = 1 << 16  # points; a slab is memory of its own, which goes back to the system with it
_POINTS_PER_CELL = 1.2  # measured: the search is fastest between 1 and 2

_Sorted = tuple[Integers, Integers, Integers, Integers]
"""Easting, northing, elevation of the points of a strip, sorted by cell; first point of each cell, and the end."""


class Spool(Protocol):
    """Where bytes wait outside the memory (``disk.Spool``); threads get at the same time."""

    def put(self, content: bytes | memoryview) -> int:
        """Keep some bytes; returns where they lie."""

    def get(self, place: int, n_bytes: int) -> bytes:
        """The bytes that lie there."""


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
    """Points of a box, gathered in strips from south to north: 12 bytes a point, in memory or in a spool."""

    def __init__(self, box: Box, spool: Spool | None = None) -> None:
        """Start empty; without a spool the points wait in memory."""
        self.box = box
        self.n_strips = (box[3] - box[1]) // STRIP + 1
        self._full: list[list[Integers | int]] = [[] for _ in range(self.n_strips)]  # slabs, or where they lie
        self._open: list[Integers | None] = [None] * self.n_strips
        self._counts = np.zeros(self.n_strips, np.int64)
        self._spool = spool
        self.n_points = 0
        """Points added, those of strips already dropped included."""

    def add(self, x: Integers, y: Integers, z: Integers) -> None:
        """Points inside the box, (n,) each, relative to its south-west corner; copies are kept."""
        ends = np.zeros(self.n_strips + 1, np.int64)
        sorted_points = np.empty((len(x), 3), np.int32)
        _by_strip(x, y, z, sorted_points, ends)
        self.n_points += len(x)
        for strip in np.flatnonzero(np.diff(ends)).tolist():
            begin, end = int(ends[strip]), int(ends[strip + 1])
            while begin < end:
                slab = self._open[strip]
                if slab is None:
                    slab = self._open[strip] = _slab()
                used = int(self._counts[strip]) % _SLAB
                n = min(end - begin, _SLAB - used)
                slab[used : used + n] = sorted_points[begin : begin + n]
                self._counts[strip] += n
                begin += n
                if used + n == _SLAB:
                    self._full[strip].append(self._put(slab))
                    self._open[strip] = None

    def points(self, strip: int) -> Integers:
        """The points (n, 3) of a strip, in the order of their arrival."""
        parts = [self._got(slab) for slab in self._full[strip]]
        last = self._open[strip]
        if last is not None:
            parts.append(last[: int(self._counts[strip]) % _SLAB])
        return np.concatenate([*parts, np.empty((0, 3), np.int32)])

    def drop(self, strip: int) -> None:
        """Forget the points of a strip."""
        self._full[strip], self._open[strip], self._counts[strip] = [], None, 0

    def blocks_near(
        self, x: NDArray[np.int64], y: NDArray[np.int64], wanted: NDArray[np.bool_], reach: int
    ) -> NDArray[np.bool_]:
        """Which squares of the side of a strip hold a point within ``reach`` of a wanted pixel, and some others.

        Pixels at the eastings ``x`` (columns,) and northings ``y`` (rows,) relative to the corner of the box, wanted
        (rows, columns). Shape (strips, squares from west to east).
        """
        near = np.zeros((self.n_strips, (self.box[2] - self.box[0]) // STRIP + 1), np.bool_)
        rows, columns = y // STRIP, x // STRIP
        for strip in np.unique(rows).tolist():
            near[strip, columns[wanted[rows == strip].any(axis=0)]] = True
        for _ in range(reach // STRIP + 1):
            near[1:] |= near[:-1].copy()
            near[:-1] |= near[1:].copy()
            near[:, 1:] |= near[:, :-1].copy()
            near[:, :-1] |= near[:, 1:].copy()
        return near

    def _put(self, slab: Integers) -> Integers | int:
        return slab if self._spool is None else self._spool.put(slab.data)

    def _got(self, slab: Integers | int) -> Integers:
        if not isinstance(slab, int):
            return slab
        assert self._spool is not None
        return np.frombuffer(self._spool.get(slab, 3 * 4 * _SLAB), np.int32).reshape(_SLAB, 3)


class CellWindow:
    """Cells of the strips around the rows at work (*rangement par cellule*); moves from south to north only.

    Of several points at one position the lowest is kept. The order within a cell is that of arrival.
    """

    def __init__(
        self, strips: PointStrips, *, blocks: NDArray[np.bool_] | None = None, keeps_strips: bool = False
    ) -> None:
        """``blocks``: squares whose points are looked at (``PointStrips.blocks_near``); strips are dropped as they are
        read, unless kept for another window.
        """
        self._strips, self._blocks, self._keeps = strips, blocks, keeps_strips
        west, _, east, _ = strips.box
        area = (east - west + 1) * STRIP * strips.n_strips
        ideal = math.sqrt(area * _POINTS_PER_CELL / max(strips.n_points, 1))
        self.cell = int(_CELL_SIZES[np.abs(np.log(_CELL_SIZES / ideal)).argmin()])
        self._n_columns = -(-(east - west + 1) // self.cell)
        self._n_cells = STRIP // self.cell * self._n_columns  # of a strip
        self._first = self._end = 0
        nothing = np.empty(0, np.int32)
        self._sorted: _Sorted = (nothing, nothing, nothing, np.zeros(1, np.int32))

    def over(self, south: int, north: int, mapped: Mapped = map) -> CellIndex:
        """The cells of all points between two northings relative to the box; neither lower than before.

        ``mapped`` sorts the strips that come in, by threads where it is that of a pool.
        """
        first = min(max(south // STRIP, self._first), self._strips.n_strips - 1)
        end = max(min(north // STRIP + 1, self._strips.n_strips), first + 1, self._end)
        for strip in range(self._end, first):
            if not self._keeps:
                self._strips.drop(strip)
        parts = [self._kept(first)]
        arriving = range(max(self._end, first), end)
        parts += [list(part) for part in mapped(lambda strip: self._sorted_strip(strip, strip - first), arriving)]
        ends = np.cumsum([0, *(part[3][-1] for part in parts)]).astype(np.int32)
        for i, part in enumerate(parts):
            part[3] = part[3][:-1] + ends[i]
        parts[-1][3] = np.append(parts[-1][3], ends[-1])
        x, y, z, starts = (np.concatenate([part.pop(0) for part in parts]) for _ in range(4))  # each let go as it goes
        self._sorted = (x, y, z, starts)
        self._first, self._end = first, end
        n_rows = (end - first) * (STRIP // self.cell)
        origin = self._strips.box[0], self._strips.box[1] + first * STRIP
        return CellIndex(x=x, y=y, z=z, starts=starts, frame=(self.cell, n_rows, self._n_columns, *origin))

    def _kept(self, first: int) -> list[Integers]:
        """What is there of the strips from ``first`` on, northings relative to it; the window holds nothing then."""
        x, y, z, starts = self._sorted
        nothing = np.empty(0, np.int32)
        self._sorted = (nothing, nothing, nothing, np.zeros(1, np.int32))
        starts = starts[(min(first, self._end) - self._first) * self._n_cells :]
        begin, moved = int(starts[0]), np.int32((first - self._first) * STRIP)
        return [x[begin:], y[begin:] - moved, z[begin:], starts - starts[0]]

    def _sorted_strip(self, strip: int, place: int) -> _Sorted:
        """A strip sorted by cell, northings relative to the strip ``place`` strips below it."""
        raw = self._raw(strip)
        if self._blocks is not None:
            raw = raw[self._blocks[strip, raw[:, 0] // STRIP]]
        x, y, z = (np.empty(len(raw), np.int32) for _ in range(3))
        starts = np.empty(self._n_cells + 1, np.int32)
        kept = int(_pack(raw, strip * STRIP, self.cell, self._n_columns, starts, x, y, z))
        return x[:kept], y[:kept] - np.int32((strip - place) * STRIP), z[:kept], starts

    def _raw(self, strip: int) -> Integers:
        raw = self._strips.points(strip)
        if not self._keeps:
            self._strips.drop(strip)
        return raw


def _slab() -> Integers:
    return np.frombuffer(mmap.mmap(-1, 3 * 4 * _SLAB), np.int32).reshape(_SLAB, 3)


@compiled
def _by_strip(x: Integers, y: Integers, z: Integers, sorted_points: Integers, ends: NDArray[np.int64]) -> None:
    """Counting sort by strip into (n, 3); ``ends`` (strips + 1,) receives where each begins, and the end."""
    for i in range(len(x)):
        ends[np.int64(y[i]) // STRIP + 1] += 1
    for k in range(1, len(ends)):
        ends[k] += ends[k - 1]
    walkers = ends[:-1].copy()
    for i in range(len(x)):
        strip = np.int64(y[i]) // STRIP
        j = walkers[strip]
        sorted_points[j, 0], sorted_points[j, 1], sorted_points[j, 2] = x[i], y[i], z[i]
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
) -> int:
    """Sort the points (n, 3) of a strip by cell; those of distinct positions go to ``x, y, z``.

    Of several points at one position the lowest counts. ``starts`` (cells of the strip + 1,) receives the first point
    of each, and the end, which is returned.
    """
    n = len(raw)
    cells = np.empty(n, np.int32)
    ends = np.zeros(len(starts), np.int32)
    per_cell = 1.0 / cell
    for i in range(n):
        # The quotient rounded down: a product is off by one at most, which the remainder shows.
        row, column = int((raw[i, 1] - south) * per_cell), int(raw[i, 0] * per_cell)
        row += (raw[i, 1] - south - row * cell >= cell) - (raw[i, 1] - south - row * cell < 0)
        column += (raw[i, 0] - column * cell >= cell) - (raw[i, 0] - column * cell < 0)
        cells[i] = row * n_columns + column
        ends[cells[i] + 1] += 1
    for k in range(1, len(ends)):
        ends[k] += ends[k - 1]
    order = np.empty(n, np.int32)
    for i in range(n):
        order[ends[cells[i]]] = i
        ends[cells[i]] += 1  # in the end: where the cell ends
    begin = kept = 0
    for k in range(len(starts) - 1):
        starts[k] = kept
        end = ends[k]
        if end - begin <= 24:
            for o in range(begin, end):
                i = order[o]
                same = -1
                for j in range(starts[k], kept):
                    if x[j] == raw[i, 0] and y[j] == raw[i, 1]:
                        same = j
                        break
                if same >= 0:
                    z[same] = min(z[same], raw[i, 2])
                else:
                    x[kept], y[kept], z[kept] = raw[i, 0], raw[i, 1], raw[i, 2]
                    kept += 1
        else:  # a crowded cell: sort, lest the work grow with its square
            keys, levels = np.empty(end - begin, np.int64), np.empty(end - begin, np.int32)
            for o in range(begin, end):
                i = order[o]
                keys[o - begin] = (np.int64(raw[i, 0]) << 32) | np.int64(raw[i, 1])
                levels[o - begin] = raw[i, 2]
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
