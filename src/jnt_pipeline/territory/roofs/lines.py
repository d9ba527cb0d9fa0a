"""Lines that divide a roof: ridges where two planes meet, steps (*décrochements*) where one ends above another."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.roofs.parameters import RoofParameters

__all__ = ["dividing_lines"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_REACH_CELLS = 6
# How far the label of a cell spreads into cells without points: over furniture and missing strips.
_SAME_DIRECTION = 0.09
# 5 degrees: edges of an outline within it are one direction.
_MAX_DIRECTIONS = 6
_STAIRCASE = 0.6
# Of its length: a line at 45 degrees to the cells has borders for 1.4 times its length, each worth half.


def dividing_lines(
    outline: Polygon, xyz: Floats, label: Integers, planes: Floats, radius_m: float, parameters: RoofParameters
) -> Floats:
    """Lines (m, 3) as nx, ny, d of ``nx·x + ny·y = d``, unit normals, those with most support first.

    ``outline`` in the building's own plan (metres from its origin), ``xyz``, ``label``, ``planes``, ``radius_m``: as
    ``find_planes`` takes and gives them. A ridge is the intersection of its planes where they meet; a step runs in
    one of the main directions of the outline, or along or across a ridge, where it parts the points of both sides best.
    """
    n_planes = len(planes)
    if n_planes < 2:
        return np.empty((0, 3))
    cell = max(0.5, radius_m * 0.75)
    # Column by column: numpy takes ten times as long for both at once.
    low = np.array([xyz[:, 0].min(), xyz[:, 1].min()])
    high = np.array([xyz[:, 0].max(), xyz[:, 1].max()])
    columns, rows = (int(side / cell) + 1 for side in (high - low).tolist())
    raster = np.full(columns * rows, -1, dtype=np.int64)
    grid = np.array([low[0], low[1], cell])
    _rasterise(xyz, label, grid, columns, rows, np.zeros((columns * rows, n_planes), dtype=np.int32), raster)
    borders = np.empty((2 * len(raster) + 1, 5))
    n_borders = _borders(raster, grid, columns, rows, np.empty_like(raster), borders)
    borders = borders[:n_borders]
    ridges = np.empty((n_planes * (n_planes - 1) // 2, 4))
    meets = np.zeros((n_planes, n_planes), dtype=np.int64)
    is_step = np.ones(n_borders, dtype=np.bool_)
    min_items = max(2, int(parameters.min_line_m / cell))
    n_ridges = _ridges(borders, planes, cell, min_items, meets, is_step, ridges)
    ridges = ridges[:n_ridges]
    ridges = ridges[np.argsort(-ridges[:, 3], kind="stable")]
    directions = _directions(outline, ridges)
    steps = np.empty((256, 4))
    sides = np.empty((len(xyz), 2))
    n_steps = _steps(
        borders[is_step], xyz, label, directions, cell, _STAIRCASE * parameters.min_line_m / cell,
        np.empty((n_borders + 1, 2)), sides, np.zeros(n_borders + 1, dtype=np.bool_), steps,
    )  # fmt: skip
    steps = steps[:n_steps]
    steps = steps[np.argsort(-steps[:, 3], kind="stable")]
    middle = (low + high) / 2
    lines = np.concatenate([ridges, steps])
    is_ridge = np.arange(len(lines)) < n_ridges
    order = np.argsort(-lines[:, 3], kind="stable")
    return _distinct(lines[order], is_ridge[order], middle, parameters.max_lines)


def _directions(outline: Polygon, ridges: Floats) -> Floats:
    """Normals (k, 2) of the directions that steps may have: edges of the outline by length, then ridges; and across."""
    xy = shapely.get_coordinates(outline.exterior)
    edges = np.diff(xy, axis=0)
    length = np.hypot(edges[:, 0], edges[:, 1])
    order = np.argsort(-length, kind="stable")
    order = order[length[order] > 0]
    units = edges[order] / length[order, None]
    found: list[tuple[float, float]] = []
    for ux, uy in [*units[:12].tolist(), *((-ny, nx) for nx, ny in ridges[:4, :2].tolist())]:
        for nx, ny in ((-uy, ux), (ux, uy)):
            if len(found) < _MAX_DIRECTIONS and all(abs(nx * v - ny * u) > _SAME_DIRECTION for u, v in found):
                found.append((nx, ny))
    return np.array(found).reshape(-1, 2)


def _distinct(lines: Floats, is_ridge: NDArray[np.bool_], middle: Floats, most: int) -> Floats:
    """The first of each set of lines that run side by side."""
    kept: list[tuple[float, float, float]] = []
    for (nx, ny, d, _), exact in zip(lines.tolist(), is_ridge.tolist(), strict=True):
        # Ridges of other planes may lie close and must keep their place; a step beside a line is that line.
        turn, apart = (0.01, 0.05) if exact else (0.07, 0.3)
        if all(
            abs(nx * v - ny * u) > turn
            or abs((d - nx * middle[0] - ny * middle[1]) * math.copysign(1, nx * u + ny * v)
                   - (e - u * middle[0] - v * middle[1])) > apart
            for u, v, e in kept
        ):  # fmt: skip
            kept.append((nx, ny, d))
        if len(kept) == most:
            break
    return np.array(kept).reshape(-1, 3)


@compiled
def _rasterise(
    xyz: Floats, label: Integers, grid: Floats, columns: int, rows: int, votes: NDArray[np.int32], raster: Integers
) -> None:  # fmt: skip
    """The plane with most points in each cell (the lower number where equal); -1 without."""
    for k in range(len(xyz)):
        if label[k] >= 0:
            column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
            row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
            votes[row * columns + column, label[k]] += 1
    for c in range(columns * rows):
        most = 0
        for i in range(votes.shape[1]):
            if votes[c, i] > most:
                most = votes[c, i]
                raster[c] = i


@compiled
def _borders(raster: Integers, grid: Floats, columns: int, rows: int, before: Integers, borders: Floats) -> int:
    """Spread the labels, then list the sides of cells where two planes border: x, y, lower plane, other plane, and
    0 for a side that faces east, 1 for one that faces north."""
    for _ in range(_REACH_CELLS):
        for c in range(len(raster)):
            before[c] = raster[c]
        changed = False
        for row in range(rows):
            for column in range(columns):
                c = row * columns + column
                if before[c] >= 0:
                    continue
                label = -1
                if column > 0:
                    label = max(label, before[c - 1])
                if column + 1 < columns:
                    label = max(label, before[c + 1])
                if row > 0:
                    label = max(label, before[c - columns])
                if row + 1 < rows:
                    label = max(label, before[c + columns])
                if label >= 0:
                    raster[c] = label
                    changed = True
        if not changed:
            break
    n = 0
    for row in range(rows):
        for column in range(columns):
            c = row * columns + column
            if raster[c] < 0:
                continue
            for across in range(2):
                if across == 0 and column + 1 < columns:
                    other = raster[c + 1]
                elif across == 1 and row + 1 < rows:
                    other = raster[c + columns]
                else:
                    continue
                if other < 0 or other == raster[c]:
                    continue
                borders[n, 0] = grid[0] + (column + (1.0 if across == 0 else 0.5)) * grid[2]
                borders[n, 1] = grid[1] + (row + (0.5 if across == 0 else 1.0)) * grid[2]
                borders[n, 2] = min(other, raster[c])
                borders[n, 3] = max(other, raster[c])
                borders[n, 4] = across
                n += 1
    return n


@compiled
def _ridges(
    borders: Floats, planes: Floats, cell: float, min_items: int, meets: Integers, is_step: NDArray[np.bool_],
    ridges: Floats,
) -> int:  # fmt: skip
    """Fill the intersections of planes that meet along ``min_items`` borders: nx, ny, d, support; their number."""
    for turn in range(2):
        for k in range(len(borders)):
            i, j = int(borders[k, 2]), int(borders[k, 3])
            if turn == 1 and meets[i, j] < min_items:
                continue
            a, b = planes[i, 0] - planes[j, 0], planes[i, 1] - planes[j, 1]
            slope = np.sqrt(a * a + b * b)
            height = a * borders[k, 0] + b * borders[k, 1] + planes[i, 2] - planes[j, 2]
            # 0.06: two planes that open by less meet nowhere in particular.
            if slope > 0.06 and abs(height) <= slope * 1.5 * cell + 0.05:
                if turn == 0:
                    meets[i, j] += 1
                elif abs(a if borders[k, 4] == 0.0 else b) > 0.3 * slope:
                    # Sides that face along the ridge bound what ends beside it: the cheek of a dormer.
                    is_step[k] = False
    n = 0
    for i in range(len(planes)):
        for j in range(i + 1, len(planes)):
            if meets[i, j] >= min_items:
                a, b = planes[i, 0] - planes[j, 0], planes[i, 1] - planes[j, 1]
                slope = np.sqrt(a * a + b * b)
                ridges[n, 0], ridges[n, 1] = a / slope, b / slope
                ridges[n, 2] = (planes[j, 2] - planes[i, 2]) / slope
                ridges[n, 3] = meets[i, j]
                n += 1
    return n


@compiled
def _steps(
    borders: Floats, xyz: Floats, label: Integers, directions: Floats, cell: float, min_support: float, offsets: Floats,
    sides: Floats, used: NDArray[np.bool_], steps: Floats,
) -> int:  # fmt: skip
    """Fill the lines along which pairs of planes border: nx, ny, d, support; their number.

    For each pair the direction and offset with most borders in a strip 1.2 cells wide, then those left over; a border
    counts by the square of the cosine between the way it faces and the line's normal.
    """
    n_steps, wide = 0, 1.2 * cell
    for k0 in range(len(borders)):
        if used[k0]:
            continue
        i, j = borders[k0, 2], borders[k0, 3]
        for _ in range(4):
            most, best, best_low = 0.0, -1, 0.0
            for d in range(len(directions)):
                nx, ny = directions[d, 0], directions[d, 1]
                n = 0
                for k in range(k0, len(borders)):
                    if not used[k] and borders[k, 2] == i and borders[k, 3] == j:
                        facing = nx if borders[k, 4] == 0.0 else ny
                        _insert(offsets, n, nx * borders[k, 0] + ny * borders[k, 1], facing * facing)
                        n += 1
                start, support = 0, 0.0
                for stop in range(n):
                    support += offsets[stop, 1]
                    while offsets[stop, 0] - offsets[start, 0] > wide:
                        support -= offsets[start, 1]
                        start += 1
                    if support > most + 1e-9:
                        most, best, best_low = support, d, offsets[start, 0]
            if most < min_support or n_steps == len(steps):
                break
            nx, ny = directions[best, 0], directions[best, 1]
            low, high = np.inf, -np.inf
            for k in range(k0, len(borders)):
                if used[k] or borders[k, 2] != i or borders[k, 3] != j:
                    continue
                s = nx * borders[k, 0] + ny * borders[k, 1]
                facing = nx if borders[k, 4] == 0.0 else ny
                if best_low <= s <= best_low + wide and facing * facing > 0.1:
                    used[k] = True
                    t = nx * borders[k, 1] - ny * borders[k, 0]
                    low, high = min(low, t), max(high, t)
            steps[n_steps, 0], steps[n_steps, 1], steps[n_steps, 3] = nx, ny, most
            steps[n_steps, 2] = _parting(
                xyz, label, i, j, nx, ny, best_low + wide / 2.0, wide, low - cell, high + cell, sides
            )
            n_steps += 1
        for k in range(k0, len(borders)):
            if borders[k, 2] == i and borders[k, 3] == j:
                used[k] = True
    return n_steps


@compiled
def _insert(sorted_rows: Floats, n: int, key: float, value: float) -> None:
    """Put (key, value) among the first ``n`` rows, ascending by key."""
    m = n
    while m > 0 and sorted_rows[m - 1, 0] > key:
        sorted_rows[m, 0], sorted_rows[m, 1] = sorted_rows[m - 1, 0], sorted_rows[m - 1, 1]
        m -= 1
    sorted_rows[m, 0], sorted_rows[m, 1] = key, value


@compiled
def _parting(
    xyz: Floats, label: Integers, i: int, j: int, nx: float, ny: float, middle: float, reach: float, low: float,
    high: float, sides: Floats,
) -> float:  # fmt: skip
    """The offset in ``middle`` ± ``reach`` that leaves fewest points of planes i and j on the wrong side."""
    n, n_i, n_j = 0, 0, 0
    for k in range(len(xyz)):
        if label[k] != i and label[k] != j:
            continue
        s, t = nx * xyz[k, 0] + ny * xyz[k, 1], nx * xyz[k, 1] - ny * xyz[k, 0]
        if abs(s - middle) > reach or t < low or t > high:
            continue
        if label[k] == i:
            _insert(sides, n, s, 1.0)
            n_i += 1
        else:
            _insert(sides, n, s, -1.0)
            n_j += 1
        n += 1
    if n_i == 0 or n_j == 0:
        return middle
    # Wrong with i below the line, and with j below it, for each place of the line; the better of the two.
    best = n
    first, last = middle, middle
    for i_below in range(2):
        wrong = n_i if i_below == 1 else n_j
        for m in range(n):
            is_i = sides[m, 1] > 0.0
            if is_i == (i_below == 1):
                wrong -= 1
            else:
                wrong += 1
            after = sides[m + 1, 0] if m + 1 < n else sides[m, 0]
            if wrong < best:
                best, first, last = wrong, sides[m, 0], after
            elif wrong == best:
                last = after
    return (first + last) / 2.0
