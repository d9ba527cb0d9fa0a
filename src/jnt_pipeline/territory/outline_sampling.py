"""Kernels: the elevations that belong to each outline, of points inside it and of terrain cells around it.

Every result depends on the outline's own points or cells only, whatever their order and whatever else is in
the arrays: the same building comes out bit for bit the same from any tiling.
"""

from __future__ import annotations

from collections.abc import Iterable

import numba
import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.territory.outlines import OutlineEdges
from jnt_pipeline.territory.sorting import sort_values

__all__ = ["RoofElevations", "elevations_around", "elevations_inside"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CELL_M = 2.0
# Side of the search cells: about 40 points of LiDAR HD each; measured flat between 1 and 4 m.

RoofElevations = tuple[Integers, Floats]
"""Number of points used (n,), and (n, 4): wanted percentile, lowest, median, highest, metres; NaN without points."""


def elevations_inside(
    edges: OutlineEdges,
    points: PointBlock,
    class_codes: Iterable[int],
    *,
    percentile: float,
    inset_m: float,
    min_points: int,
    min_share: float,
) -> RoofElevations:
    """Elevations of the points of certain classes that lie inside each outline.

    Points nearer than ``inset_m`` to the boundary are left out, unless fewer than ``min_points`` or less than
    ``min_share`` of those inside would remain (narrow outlines). A point on a boundary shared by two outlines is
    inside exactly one of them. Percentiles interpolate linearly between sorted values (type 7 of Hyndman & Fan,
    "Sample Quantiles in Statistical Packages", 1996; numpy's default).
    """
    n = len(edges.bounds)
    filled = ~np.isnan(edges.bounds).any(axis=1)
    if not filled.any() or len(points) == 0:
        return np.zeros(n, dtype=np.int64), np.full((n, 4), np.nan)
    west, south = edges.bounds[filled, :2].min(axis=0)
    east, north = edges.bounds[filled, 2:].max(axis=0)
    # Few points over a wide envelope: larger cells keep the table in proportion to the points.
    cell = max(_CELL_M, float(np.sqrt((east - west) * (north - south) / (4.0 * len(points) + 1024.0))))
    grid = np.array([west, south, east, north, cell])
    wanted = np.zeros(256, dtype=np.bool_)
    wanted[list(class_codes)] = True
    xyz = np.ascontiguousarray(points.xyz, dtype=np.float64)
    codes = np.ascontiguousarray(points.classification, dtype=np.uint8)
    first, binned = _binned(xyz, codes, wanted, edges.bounds[filled], grid)
    return _inside(
        edges.xyxy, edges.starts, edges.bounds, binned, first, grid, percentile, inset_m, min_points, min_share
    )


def elevations_around(
    edges: OutlineEdges, values: NDArray[np.float32], x: Floats, y: Floats, *, percentile: float, reach_m: float
) -> tuple[Integers, Floats]:
    """Elevations of the raster cells just outside each outline.

    ``values`` (n_rows, n_columns), metres, NaN unknown; ``x`` and ``y`` are the centres of columns and rows,
    ascending and descending. Taken are the cells whose centre is outside the outline (not on it) and within
    ``reach_m`` of its boundary, courtyards included. Returns how many were known (n,), and their
    percentile (n,) or NaN.
    """
    return _around(
        edges.xyxy, edges.starts, edges.bounds, np.ascontiguousarray(values, dtype=np.float32), x, -y,
        percentile, reach_m,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _cell_range(low: float, high: float, origin: float, cell: float, count: int) -> tuple[int, int]:
    """First and last cell of an interval; the upper edge belongs to the last cell, since numba checks no index."""
    return min(max(int((low - origin) / cell), 0), count - 1), min(max(int((high - origin) / cell), 0), count - 1)


@numba.njit(cache=True, nogil=True)
def _shape(grid: Floats) -> tuple[int, int]:
    """Columns and rows of a search grid: west, south, east, north, side of its cells."""
    return int((grid[2] - grid[0]) / grid[4]) + 1, int((grid[3] - grid[1]) / grid[4]) + 1


@numba.njit(cache=True, nogil=True)
def _binned(
    xyz: Floats, classification: NDArray[np.uint8], wanted: NDArray[np.bool_], bounds: Floats, grid: Floats
) -> tuple[Integers, Floats]:
    """Counting sort of the wanted points by cell, row by row: first point of each cell, and the points (k, 3).

    Points in cells that no outline's box meets are dropped: most of a tile is no roof.
    """
    west, south, east, north, cell = grid
    n_columns, n_rows = _shape(grid)
    asked = np.zeros((n_rows, n_columns), dtype=np.bool_)
    for i in range(len(bounds)):
        column_1, column_2 = _cell_range(bounds[i, 0], bounds[i, 2], west, cell, n_columns)
        row_1, row_2 = _cell_range(bounds[i, 1], bounds[i, 3], south, cell, n_rows)
        asked[row_1 : row_2 + 1, column_1 : column_2 + 1] = True
    n = len(xyz)
    cells = np.empty(n, dtype=np.int32)
    first = np.zeros(n_columns * n_rows + 1, dtype=np.int64)
    for k in range(n):
        x, y = xyz[k, 0], xyz[k, 1]
        cells[k] = -1
        if wanted[classification[k]] and west <= x <= east and south <= y <= north:
            column, row = int((x - west) / cell), int((y - south) / cell)
            if asked[row, column]:
                cells[k] = row * n_columns + column
                first[cells[k] + 1] += 1
    for c in range(n_columns * n_rows):
        first[c + 1] += first[c]
    cursor = first[:-1].copy()
    binned = np.empty((first[-1], 3))
    for k in range(n):
        c = cells[k]
        if c >= 0:
            for axis in range(3):
                binned[cursor[c], axis] = xyz[k, axis]
            cursor[c] += 1
    return first, binned


@numba.njit(cache=True, nogil=True)
def _contains(xyxy: Floats, start: int, stop: int, x: float, y: float) -> bool:
    """Even-odd rule; lower ends belong to an edge, upper ends do not."""
    inside = False
    for e in range(start, stop):
        y1, y2 = xyxy[e, 1], xyxy[e, 3]
        if y1 <= y < y2:
            x1 = xyxy[e, 0]
            if (x - x1) * (y2 - y1) < (xyxy[e, 2] - x1) * (y - y1):
                inside = not inside
    return inside


@numba.njit(cache=True, nogil=True)
def _is_near(xyxy: Floats, start: int, stop: int, x: float, y: float, reach: float) -> bool:
    """Whether the boundary is within ``reach``."""
    for e in range(start, stop):
        x1, y1, x2, y2 = xyxy[e, 0], xyxy[e, 1], xyxy[e, 2], xyxy[e, 3]
        if y < y1 - reach or y > y2 + reach or x < min(x1, x2) - reach or x > max(x1, x2) + reach:
            continue
        dx, dy = x2 - x1, y2 - y1
        length2 = dx * dx + dy * dy
        t = 0.0
        if length2 > 0.0:
            t = min(max(((x - x1) * dx + (y - y1) * dy) / length2, 0.0), 1.0)
        ox, oy = x - (x1 + t * dx), y - (y1 + t * dy)
        if ox * ox + oy * oy <= reach * reach:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _percentile(ascending: Floats, count: int, percentile: float) -> float:
    place = percentile / 100.0 * (count - 1)
    below = min(int(place), count - 1)
    above = min(below + 1, count - 1)
    value: float = ascending[below] + (place - below) * (ascending[above] - ascending[below])
    return value


@numba.njit(cache=True, nogil=True)
def _inside(
    xyxy: Floats, starts: Integers, bounds: Floats, points: Floats, first: Integers, grid: Floats,
    percentile: float, inset: float, min_points: int, min_share: float,
) -> RoofElevations:  # fmt: skip
    west, south, _, _, cell = grid
    n_columns, n_rows = _shape(grid)
    n = len(starts) - 1
    used = np.zeros(n, dtype=np.int64)
    found = np.full((n, 4), np.nan)
    for i in range(n):
        start, stop = starts[i], starts[i + 1]
        if start == stop:
            continue
        column_1, column_2 = _cell_range(bounds[i, 0], bounds[i, 2], west, cell, n_columns)
        row_1, row_2 = _cell_range(bounds[i, 1], bounds[i, 3], south, cell, n_rows)
        candidates = 0
        for row in range(row_1, row_2 + 1):
            candidates += first[row * n_columns + column_2 + 1] - first[row * n_columns + column_1]
        # Points of the core fill the array from its start, those of the rim from its end.
        taken = np.empty(candidates)
        n_core, n_rim = 0, 0
        for row in range(row_1, row_2 + 1):
            for k in range(first[row * n_columns + column_1], first[row * n_columns + column_2 + 1]):
                x, y = points[k, 0], points[k, 1]
                if _contains(xyxy, start, stop, x, y):
                    if inset > 0.0 and _is_near(xyxy, start, stop, x, y, inset):
                        n_rim += 1
                        taken[candidates - n_rim] = points[k, 2]
                    else:
                        taken[n_core] = points[k, 2]
                        n_core += 1
        if n_core < min_points or n_core < min_share * (n_core + n_rim):
            for k in range(candidates - n_rim, candidates):
                taken[n_core] = taken[k]
                n_core += 1
        if n_core == 0:
            continue
        sort_values(taken, n_core)
        used[i] = n_core
        found[i, 0] = _percentile(taken, n_core, percentile)
        found[i, 1] = taken[0]
        found[i, 2] = _percentile(taken, n_core, 50.0)
        found[i, 3] = taken[n_core - 1]
    return used, found


@numba.njit(cache=True, nogil=True)
def _around(
    xyxy: Floats, starts: Integers, bounds: Floats, values: NDArray[np.float32], x: Floats, down: Floats,
    percentile: float, reach: float,
) -> tuple[Integers, Floats]:  # fmt: skip
    n = len(starts) - 1
    known = np.zeros(n, dtype=np.int64)
    found = np.full(n, np.nan)
    for i in range(n):
        start, stop = starts[i], starts[i + 1]
        if start == stop:
            continue
        column_1 = np.searchsorted(x, bounds[i, 0] - reach)
        column_2 = np.searchsorted(x, bounds[i, 2] + reach, side="right")
        row_1 = np.searchsorted(down, -(bounds[i, 3] + reach))
        row_2 = np.searchsorted(down, -(bounds[i, 1] - reach), side="right")
        ring = np.empty(max(0, column_2 - column_1) * max(0, row_2 - row_1))
        n_ring = 0
        for row in range(row_1, row_2):
            for column in range(column_1, column_2):
                value = values[row, column]
                if (
                    not np.isnan(value)
                    and _is_near(xyxy, start, stop, x[column], -down[row], reach)
                    and not _contains(xyxy, start, stop, x[column], -down[row])
                    and not _is_near(xyxy, start, stop, x[column], -down[row], 0.0)
                ):
                    ring[n_ring] = value
                    n_ring += 1
        if n_ring > 0:
            known[i] = n_ring
            sort_values(ring, n_ring)
            found[i] = _percentile(ring, n_ring, percentile)
    return known, found
