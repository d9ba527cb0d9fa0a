"""Kernels: the elevations that belong to each outline, of points inside it and of terrain cells around it.

Every result depends on the outline's own points or cells only, whatever their order and whatever else is in
the arrays: the same building comes out bit for bit the same from any tiling.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.libraries.compiled import compiled
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
    shape = int((north - south) / cell) + 1, int((east - west) / cell) + 1
    wanted = np.zeros(256, dtype=np.bool_)
    wanted[list(class_codes)] = True
    xyz = np.ascontiguousarray(points.xyz, dtype=np.float64)
    codes = np.ascontiguousarray(points.classification, dtype=np.uint8)
    # Counting sort of the wanted points by cell. What kernels fill is allocated here: numba compiles it for seconds.
    cells = np.empty(len(points), dtype=np.int64)
    counts = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
    _place(xyz, codes, wanted, edges.bounds[filled], grid, np.zeros(shape, dtype=np.bool_), cells, counts)
    first = np.cumsum(counts)
    binned = np.empty((int(first[-1]), 3))
    _scatter(xyz, cells, first[:-1].copy(), binned)
    used, found = np.zeros(n, dtype=np.int64), np.full((n, 4), np.nan)
    limits = np.array([percentile, inset_m, min_points, min_share], dtype=np.float64)
    _inside(
        edges.xyxy, edges.starts, edges.bounds, binned, first, grid, shape[0], shape[1], limits,
        np.empty(len(binned)), used, found,
    )  # fmt: skip
    return used, found


def elevations_around(
    edges: OutlineEdges, values: NDArray[np.float32], x: Floats, y: Floats, *, percentile: float, reach_m: float
) -> tuple[Integers, Floats]:
    """Elevations of the raster cells just outside each outline.

    ``values`` (n_rows, n_columns), metres, NaN unknown; ``x`` and ``y`` are the centres of columns and rows,
    ascending and descending. Taken are the cells whose centre is outside the outline (not on it) and within
    ``reach_m`` of its boundary, courtyards included. Returns how many were known (n,), and their
    percentile (n,) or NaN.
    """
    n = len(edges.bounds)
    west, south, east, north = edges.bounds.T
    ranges = np.column_stack(
        [
            np.searchsorted(x, west - reach_m),
            np.searchsorted(x, east + reach_m, side="right"),
            np.searchsorted(-y, -(north + reach_m)),
            np.searchsorted(-y, -(south - reach_m), side="right"),
        ]
    ).astype(np.int64)
    sizes = np.maximum(ranges[:, 1] - ranges[:, 0], 0) * np.maximum(ranges[:, 3] - ranges[:, 2], 0)
    known, found = np.zeros(n, dtype=np.int64), np.full(n, np.nan)
    _around(
        edges.xyxy, edges.starts, ranges, np.ascontiguousarray(values, dtype=np.float32), x, y,
        percentile, reach_m, np.empty(int(sizes.max(initial=0))), known, found,
    )  # fmt: skip
    return known, found


@compiled
def _cell_range(low: float, high: float, origin: float, cell: float, count: int) -> tuple[int, int]:
    """First and last cell of an interval; the upper edge belongs to the last cell, since numba checks no index."""
    return min(max(int((low - origin) / cell), 0), count - 1), min(max(int((high - origin) / cell), 0), count - 1)


@compiled
def _place(
    xyz: Floats, classification: NDArray[np.uint8], wanted: NDArray[np.bool_], bounds: Floats, grid: Floats,
    asked: NDArray[np.bool_], cells: Integers, counts: Integers,
) -> None:  # fmt: skip
    """Cell of each point, -1 where it does not count; ``counts[c + 1]``: points of cell c.

    Points in cells that no outline's box meets do not count: most of a tile is no roof. ``grid``: west, south, east,
    north, side of a cell; ``asked`` (n_rows, n_columns) and ``counts`` come in filled with zeros.
    """
    west, south, east, north, cell = grid[0], grid[1], grid[2], grid[3], grid[4]
    n_rows, n_columns = asked.shape
    for i in range(len(bounds)):
        column_1, column_2 = _cell_range(bounds[i, 0], bounds[i, 2], west, cell, n_columns)
        row_1, row_2 = _cell_range(bounds[i, 1], bounds[i, 3], south, cell, n_rows)
        for row in range(row_1, row_2 + 1):
            for column in range(column_1, column_2 + 1):
                asked[row, column] = True
    for k in range(len(xyz)):
        x, y = xyz[k, 0], xyz[k, 1]
        cells[k] = -1
        if wanted[classification[k]] and west <= x <= east and south <= y <= north:
            column, row = int((x - west) / cell), int((y - south) / cell)
            if asked[row, column]:
                cells[k] = row * n_columns + column
                counts[cells[k] + 1] += 1


@compiled
def _scatter(xyz: Floats, cells: Integers, cursor: Integers, binned: Floats) -> None:
    """Points (k, 3) in the order of their cells; ``cursor``: first place of each cell, used up."""
    for k in range(len(xyz)):
        c = cells[k]
        if c >= 0:
            for axis in range(3):
                binned[cursor[c], axis] = xyz[k, axis]
            cursor[c] += 1


@compiled
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


@compiled
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


@compiled
def _percentile(ascending: Floats, count: int, percentile: float) -> float:
    place = percentile / 100.0 * (count - 1)
    below = min(int(place), count - 1)
    above = min(below + 1, count - 1)
    value: float = ascending[below] + (place - below) * (ascending[above] - ascending[below])
    return value


@compiled
def _inside(
    xyxy: Floats, starts: Integers, bounds: Floats, points: Floats, first: Integers, grid: Floats, n_rows: int,
    n_columns: int, limits: Floats, taken: Floats, used: Integers, found: Floats,
) -> None:  # fmt: skip
    """Fill ``used`` (n,) and ``found`` (n, 4); ``limits``: percentile, inset, least points, least share; ``taken``:
    room for as many elevations as there are points."""
    west, south, cell = grid[0], grid[1], grid[4]
    percentile, inset, min_points, min_share = limits[0], limits[1], limits[2], limits[3]
    for i in range(len(starts) - 1):
        start, stop = starts[i], starts[i + 1]
        if start == stop:
            continue
        column_1, column_2 = _cell_range(bounds[i, 0], bounds[i, 2], west, cell, n_columns)
        row_1, row_2 = _cell_range(bounds[i, 1], bounds[i, 3], south, cell, n_rows)
        # Points of the core fill the room from its start, those of the rim from its end.
        n_core, n_rim, room = 0, 0, len(taken)
        for row in range(row_1, row_2 + 1):
            for k in range(first[row * n_columns + column_1], first[row * n_columns + column_2 + 1]):
                x, y = points[k, 0], points[k, 1]
                if _contains(xyxy, start, stop, x, y):
                    if inset > 0.0 and _is_near(xyxy, start, stop, x, y, inset):
                        n_rim += 1
                        taken[room - n_rim] = points[k, 2]
                    else:
                        taken[n_core] = points[k, 2]
                        n_core += 1
        if n_core < min_points or n_core < min_share * (n_core + n_rim):
            for k in range(room - n_rim, room):
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


@compiled
def _around(
    xyxy: Floats, starts: Integers, ranges: Integers, values: NDArray[np.float32], x: Floats, y: Floats,
    percentile: float, reach: float, ring: Floats, known: Integers, found: Floats,
) -> None:  # fmt: skip
    """Fill ``known`` and ``found`` (n,); ``ranges`` (n, 4): columns and rows to look at, ends excluded; ``ring``: room
    for the largest of them."""
    for i in range(len(starts) - 1):
        start, stop = starts[i], starts[i + 1]
        if start == stop:
            continue
        n_ring = 0
        for row in range(ranges[i, 2], ranges[i, 3]):
            for column in range(ranges[i, 0], ranges[i, 1]):
                value = values[row, column]
                if (
                    not np.isnan(value)
                    and _is_near(xyxy, start, stop, x[column], y[row], reach)
                    and not _contains(xyxy, start, stop, x[column], y[row])
                    and not _is_near(xyxy, start, stop, x[column], y[row], 0.0)
                ):
                    ring[n_ring] = value
                    n_ring += 1
        if n_ring > 0:
            known[i] = n_ring
            sort_values(ring, n_ring)
            found[i] = _percentile(ring, n_ring, percentile)
