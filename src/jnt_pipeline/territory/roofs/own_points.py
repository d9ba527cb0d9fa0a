"""The roof points of each footprint, in an order of their own: the same whatever the tiling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.outline_sampling import _cell_range, _contains, _place, _scatter
from jnt_pipeline.territory.outlines import OutlineEdges

__all__ = ["OwnPoints", "own_points"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CELL_M = 2.0
# Side of the search cells, as where elevations are sampled.
_BITS = 21
# A coordinate in millimetres, counted from the footprint's corner: three of them fill a machine word; 2 km wide.
_MASK = (1 << _BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPoints:
    """Points inside n outlines, outline by outline."""

    keys: Integers
    """Shape (m,): position and elevation in millimetres, packed; ascending within an outline, duplicates apart."""
    starts: Integers
    """Shape (n + 1,): those of outline i are ``starts[i]`` to ``starts[i + 1]``."""
    origins: Floats
    """Shape (n, 3): easting, northing (whole metres) and elevation from which they are counted, metres."""

    def of(self, i: int) -> Floats:
        """Points (k, 3) of outline i: easting and northing from its origin, elevation above the datum, metres."""
        keys = self.keys[self.starts[i] : self.starts[i + 1]]
        xyz = np.empty((len(keys), 3))
        xyz[:, 0] = keys >> (2 * _BITS)
        xyz[:, 1] = (keys >> _BITS) & _MASK
        xyz[:, 2] = keys & _MASK
        xyz /= 1000.0
        xyz[:, 2] += self.origins[i, 2]
        return xyz


def own_points(edges: OutlineEdges, points: PointBlock, class_codes: Iterable[int]) -> OwnPoints:
    """The points of certain classes inside each outline; one on a common wall belongs to exactly one of two.

    Positions are taken to the millimetre; points at one place and elevation are one. Points more than 2 km from the
    footprint's south-west corner, or above the lowest one inside, cannot be told and count as at 2 km.
    """
    n = len(edges.bounds)
    filled = ~np.isnan(edges.bounds).any(axis=1)
    starts = np.zeros(n + 1, dtype=np.int64)
    origins = np.full((n, 3), np.nan)
    origins[filled, :2] = np.floor(edges.bounds[filled, :2])
    if not filled.any() or len(points) == 0:
        return OwnPoints(keys=np.empty(0, dtype=np.int64), starts=starts, origins=origins)
    west, south = edges.bounds[filled, :2].min(axis=0)
    east, north = edges.bounds[filled, 2:].max(axis=0)
    cell = max(_CELL_M, float(np.sqrt((east - west) * (north - south) / (4.0 * len(points) + 1024.0))))
    grid = np.array([west, south, east, north, cell])
    shape = int((north - south) / cell) + 1, int((east - west) / cell) + 1
    wanted = np.zeros(256, dtype=np.bool_)
    wanted[list(class_codes)] = True
    xyz = np.ascontiguousarray(points.xyz, dtype=np.float64)
    codes = np.ascontiguousarray(points.classification, dtype=np.uint8)
    cells = np.empty(len(points), dtype=np.int64)
    counts = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
    _place(xyz, codes, wanted, edges.bounds[filled], grid, np.zeros(shape, dtype=np.bool_), cells, counts)
    first = np.cumsum(counts)
    binned = np.empty((int(first[-1]), 3))
    _scatter(xyz, cells, first[:-1].copy(), binned)
    lowest, found = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    place = (edges.xyxy, edges.starts, edges.bounds, binned, first, grid, shape[0], shape[1])
    _count(*place, found, lowest)
    origins[:, 2] = np.floor(np.where(found > 0, lowest, np.nan))
    starts[1:] = np.cumsum(found)
    keys = np.empty(int(starts[-1]), dtype=np.int64)
    _pack(*place, origins, starts, keys)
    return _distinct(keys, starts, origins)


def _distinct(keys: Integers, starts: Integers, origins: Floats) -> OwnPoints:
    kept = []
    for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        own = np.sort(keys[a:b])
        kept.append(own[np.append(True, own[1:] != own[:-1])[: len(own)]])
    ends = np.concatenate([[0], np.cumsum([len(part) for part in kept])]).astype(np.int64)
    return OwnPoints(keys=np.concatenate(kept), starts=ends, origins=origins)


@compiled
def _count(
    xyxy: Floats, starts: Integers, bounds: Floats, points: Floats, first: Integers, grid: Floats, n_rows: int,
    n_columns: int, found: Integers, lowest: Floats,
) -> None:  # fmt: skip
    """Fill number and lowest elevation of the points inside each outline."""
    for i in range(len(starts) - 1):
        start, stop = starts[i], starts[i + 1]
        if start == stop:
            continue
        column_1, column_2 = _cell_range(bounds[i, 0], bounds[i, 2], grid[0], grid[4], n_columns)
        row_1, row_2 = _cell_range(bounds[i, 1], bounds[i, 3], grid[1], grid[4], n_rows)
        for row in range(row_1, row_2 + 1):
            for k in range(first[row * n_columns + column_1], first[row * n_columns + column_2 + 1]):
                if _contains(xyxy, start, stop, points[k, 0], points[k, 1]):
                    found[i] += 1
                    lowest[i] = min(lowest[i], points[k, 2])


@compiled
def _millimetres(value: float, origin: float) -> int:
    return min(max(int(np.floor((value - origin) * 1000.0 + 0.5)), 0), 2097151)


@compiled
def _pack(
    xyxy: Floats, starts: Integers, bounds: Floats, points: Floats, first: Integers, grid: Floats, n_rows: int,
    n_columns: int, origins: Floats, place: Integers, keys: Integers,
) -> None:  # fmt: skip
    """Fill the keys of the points inside each outline; ``place``: first key of each."""
    for i in range(len(starts) - 1):
        start, stop, k_key = starts[i], starts[i + 1], place[i]
        if place[i] == place[i + 1]:
            continue
        column_1, column_2 = _cell_range(bounds[i, 0], bounds[i, 2], grid[0], grid[4], n_columns)
        row_1, row_2 = _cell_range(bounds[i, 1], bounds[i, 3], grid[1], grid[4], n_rows)
        for row in range(row_1, row_2 + 1):
            for k in range(first[row * n_columns + column_1], first[row * n_columns + column_2 + 1]):
                if _contains(xyxy, start, stop, points[k, 0], points[k, 1]):
                    x = _millimetres(points[k, 0], origins[i, 0])
                    y = _millimetres(points[k, 1], origins[i, 1])
                    z = _millimetres(points[k, 2], origins[i, 2])
                    keys[k_key] = (((x << 21) | y) << 21) | z
                    k_key += 1
