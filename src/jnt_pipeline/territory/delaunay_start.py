"""Any triangle around a pixel: where the search for its Delaunay triangle starts, which changes nothing of its end."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.delaunay_signs import Integer, side

__all__ = ["Frame", "from_quadrants", "surrounding"]

Integers = NDArray[np.int32]
Frame = tuple[int, int, int, int, int]
"""Cell size, rows, columns, absolute easting and northing of the origin of the cells."""

_NONE = np.int64(0x7FFFFFFFFFFFFFFF)
_INDEX = np.int64(0xFFFFFFFF)


@compiled
def _between(rx: float, ry: float, lx: float, ly: float, south: float, north: float) -> tuple[float, float]:
    """Eastings that lie left of the direction r and right of the direction l, at both northings (pixel at 0, 0)."""
    low, high = -math.inf, math.inf
    for y in (south, north):
        if ry > 0:
            high = min(high, rx * y / ry)
        elif ry < 0:
            low = max(low, rx * y / ry)
        elif rx * y <= 0:
            low = math.inf
        if ly > 0:
            low = max(low, lx * y / ly)
        elif ly < 0:
            high = min(high, lx * y / ly)
        elif lx * y >= 0:
            low = math.inf
    return low, high


@compiled
def surrounding(
    x: Integers,
    y: Integers,
    starts: Integers,
    frame: Frame,
    px: Integer,
    py: Integer,
    half: int,
    reach: int,
    nudge: int,
) -> tuple[int, int, int, bool, int]:
    """Any triangle of points within the cells that meet the square ±half around the pixel, and that holds it.

    Returns (a, b, c, on_rim, n): indices counter-clockwise, or -1 where all points lie on one side of the pixel;
    on_rim tells that the pixel lies exactly between two of them; n: points in those cells.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    first_row, last_row = max(0, (py - half) // cell), min(n_rows - 1, (py + half) // cell)
    first, last = max(0, (px - half) // cell), min(n_columns - 1, (px + half) // cell)
    right = left = -1
    rx = ry = lx = ly = np.int64(0)
    n = 0
    if first > last:
        return -1, -1, -1, False, n
    west, east = first * cell - px, (last + 1) * cell - px
    middle = min(max(py // cell, first_row), last_row)
    for step in range(2 * (last_row - first_row + 1) + 1):  # rows from the middle outwards, the nearest first
        row = middle + (step + 1) // 2 if step % 2 else middle - step // 2
        if row < first_row or row > last_row:
            continue
        begin, end = starts[row * n_columns + first], starts[row * n_columns + last + 1]
        if begin == end:
            continue
        n += end - begin
        skipped, resumed = last + 1, last + 1
        if right != left:  # cells that lie whole between the two outermost directions cannot widen them
            south, north = float(row * cell - py), float((row + 1) * cell - py)
            low, high = _between(float(rx), float(ry), float(lx), float(ly), south, north)
            low, high = max(low, west - 1.0), min(high, east + 1.0)  # now of a size that fits an integer
            if low < high:
                skipped = max(first, int((low + px) / cell) + 2)
                resumed = min(last + 1, int((high + px) / cell) - 1)
            if resumed <= skipped:
                skipped, resumed = last + 1, last + 1
        for start, stop in (
            (begin, starts[row * n_columns + skipped]),
            (starts[row * n_columns + resumed], end),
        ):
            for i in range(start, stop):
                qx, qy = np.int64(x[i]) - px, np.int64(y[i]) - py
                if abs(qx) > reach or abs(qy) > reach:
                    continue
                if right < 0:
                    right = left = i
                    rx, ry, lx, ly = qx, qy, qx, qy
                    continue
                beyond_left = side(lx, ly, qx, qy, nudge) > 0
                if right == left:
                    if beyond_left:
                        left, lx, ly = i, qx, qy
                    else:
                        right, rx, ry = i, qx, qy
                    continue
                left_of_right = side(rx, ry, qx, qy, nudge) > 0
                if beyond_left and not left_of_right:
                    return right, left, i, False, n
                if beyond_left:
                    left, lx, ly = i, qx, qy
                elif not left_of_right:
                    right, rx, ry = i, qx, qy
    on_rim = bool(right != left and rx * ly - ry * lx == 0 and rx * lx + ry * ly < 0)
    return -1, -1, -1, on_rim, n


@compiled
def from_quadrants(
    x: Integers, y: Integers, starts: Integers, frame: Frame, px: Integer, py: Integer, nudge: int, span: int
) -> tuple[Integer, Integer, Integer, Integer]:
    """A triangle around the pixel from the nearest point of each quadrant, up to ``span`` cells away, or -1.

    Returns (a, b, c, d): indices counter-clockwise, and the point of the fourth quadrant.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    row, column = py // cell, px // cell
    first, last = max(0, column - span), min(n_columns - 1, column + span)
    # Squared distance, coarse where cells are large, and index in one number: its least value is found without a
    # branch, since in which quadrant the next point lies cannot be foreseen.
    north_east = north_west = south_west = south_east = _NONE
    coarse = 0
    while ((span + 1) * cell) >> coarse >= 1 << 15:
        coarse += 1
    lean = 0 if nudge > 0 else -1  # an axis belongs to the quadrants from which the pixel is moved away
    if first <= last:
        for k in range(max(0, row - span), min(n_rows - 1, row + span) + 1):
            # Unsigned: numba would ask of each index whether it counts from the end.
            begin, end = np.uint64(starts[k * n_columns + first]), np.uint64(starts[k * n_columns + last + 1])
            for u in range(begin, end):
                qx, qy = np.int64(x[u]) - px, np.int64(y[u]) - py
                across, up = qx >> coarse, qy >> coarse
                key = ((across * across + up * up) << 32) | np.int64(u)
                is_east, is_north = 2 * qx > lean, 2 * qy > lean
                north_east = min(north_east, key if is_east and is_north else _NONE)
                north_west = min(north_west, key if is_north and not is_east else _NONE)
                south_west = min(south_west, key if not (is_north or is_east) else _NONE)
                south_east = min(south_east, key if is_east and not is_north else _NONE)
    if max(north_east, north_west, south_west, south_east) == _NONE:
        return -1, -1, -1, -1
    a, b = north_east & _INDEX, north_west & _INDEX
    c, d = south_west & _INDEX, south_east & _INDEX
    if side(np.int64(x[a]) - px, np.int64(y[a]) - py, np.int64(x[c]) - px, np.int64(y[c]) - py, nudge) > 0:
        return a, c, d, b
    return c, a, b, d
