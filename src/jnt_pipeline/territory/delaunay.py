"""Linear interpolation in a Delaunay triangulation, evaluated pixel by pixel; the mesh is never built.

The Delaunay triangle above a pixel is the facet, below that pixel, of the lower convex hull of the points lifted
onto the paraboloid w = x² + y². It is found by pivoting: start from any triangle around the pixel; while some point
lies inside its circumcircle, that point enters and the vertex whose departure keeps the pixel inside leaves.

**Every decision is exact**, so the triangle is unique and the result depends on the set of points alone: not on
their order, on the tiling, on the threads, nor on the way the search took. Coordinates are integers (tenths of a
millimetre) relative to the pixel. Floating point decides where its error bound allows; otherwise the determinant is
computed modulo 2^64, which is exact because the bound has shown it to be small. Four points on one circle are
decided by simulation of simplicity: each lifted point is raised by an infinitesimal, ranked by a hash of its
absolute position. A pixel that lies on an edge is moved by an infinitesimal to one side of it.

The points that count for a pixel are those of the square ±reach around it, no more and no less. A triangle whose
circumcircle lies in the square is one of the whole cloud; one with a wider circle (along the rim of the data, where
triangles are flat) is Delaunay as far as the square shows.

Sources: Edelsbrunner and Seidel 1986 (lifting); Edelsbrunner and Mücke 1990 (simulation of simplicity);
Shewchuk 1997 (filtered predicates).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.grid import QUANTA_PER_M

__all__ = ["interpolate_rows"]

Integers = NDArray[np.int32]
Integer = int | np.int64
Frame = tuple[int, int, int, int, int]
"""Cell size, rows, columns, absolute easting and northing of the origin of the cells."""
Corners = tuple[Integer, Integer, Integer, Integer, Integer, Integer, Integer, Integer, Integer]
"""Easting, northing, elevation of the three corners of a triangle, counter-clockwise, relative to that origin."""
_NOWHERE: Corners = (0, 0, 0, 0, 0, 0, 0, 0, 0)  # holds no pixel

# |computed - exact| of the in-circle determinant is below 360 roundings of m⁴, m the largest coordinate relative to
# the pixel: 12 m³ in each of two slopes, 12 m⁴ in the constant and in the lifted term, a few roundings each.
_DETERMINANT_ERROR = 5e-14
# The same for the centre and the radius of the circumcircle, per m³ and unit of twice the triangle's area.
_CENTRE_ERROR = 7e-14


@compiled
def _side(ux: Integer, uy: Integer, vx: Integer, vy: Integer, nudge: int) -> Integer:
    """Sign of the turn pixel → u → v, the pixel moved by nudge · (ε, ε²): never 0 for two distinct points."""
    cross = ux * vy - uy * vx
    if cross == 0:
        cross = nudge * (uy - vy)
        if cross == 0:
            cross = nudge * (vx - ux)
    return cross


@compiled
def _rank(x: Integer, y: Integer) -> np.uint64:
    """Hash of an absolute position (splitmix64), which ranks the infinitesimals of cocircular points."""
    mixed = np.uint64(x) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(y)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def _outranks(ax: Integer, ay: Integer, bx: Integer, by: Integer) -> bool:
    """Whether the infinitesimal of a is greater than that of b; a total order of positions."""
    rank_a, rank_b = _rank(ax, ay), _rank(bx, by)
    if rank_a != rank_b:
        return bool(rank_a > rank_b)
    return bool(ax > bx or (ax == bx and ay > by))


@compiled
def _enters(
    ax: Integer,
    ay: Integer,
    bx: Integer,
    by: Integer,
    cx: Integer,
    cy: Integer,
    qx: Integer,
    qy: Integer,
    ox: Integer,
    oy: Integer,
) -> bool:
    """Whether q lies inside the circumcircle of a, b, c (counter-clockwise), where |determinant| < 2^62.

    Integers wrap modulo 2^64. ``ox, oy``: absolute position of the pixel.
    """
    aw, bw, cw, qw = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy, qx * qx + qy * qy
    la = (bx - qx) * (cy - qy) - (by - qy) * (cx - qx)
    lb = (cx - qx) * (ay - qy) - (cy - qy) * (ax - qx)
    lc = (ax - qx) * (by - qy) - (ay - qy) * (bx - qx)
    determinant = la * aw + lb * bw + lc * cw - (la + lb + lc) * qw
    if determinant != 0:
        return bool(determinant > 0)
    # Cocircular: the greatest infinitesimal decides, by its cofactor. No three of four such points are in line.
    tx, ty, cofactor = qx, qy, -(la + lb + lc)
    if _outranks(ax + ox, ay + oy, tx + ox, ty + oy):
        tx, ty, cofactor = ax, ay, la
    if _outranks(bx + ox, by + oy, tx + ox, ty + oy):
        tx, ty, cofactor = bx, by, lb
    if _outranks(cx + ox, cy + oy, tx + ox, ty + oy):
        tx, ty, cofactor = cx, cy, lc
    return bool(cofactor > 0)


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
def _surrounding(
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
                beyond_left = _side(lx, ly, qx, qy, nudge) > 0
                if right == left:
                    if beyond_left:
                        left, lx, ly = i, qx, qy
                    else:
                        right, rx, ry = i, qx, qy
                    continue
                left_of_right = _side(rx, ry, qx, qy, nudge) > 0
                if beyond_left and not left_of_right:
                    return right, left, i, False, n
                if beyond_left:
                    left, lx, ly = i, qx, qy
                elif not left_of_right:
                    right, rx, ry = i, qx, qy
    on_rim = bool(right != left and rx * ly - ry * lx == 0 and rx * lx + ry * ly < 0)
    return -1, -1, -1, on_rim, n


@compiled
def _quadrants(
    x: Integers, y: Integers, starts: Integers, frame: Frame, px: Integer, py: Integer, nudge: int, span: int
) -> tuple[int, int, int]:
    """A triangle around the pixel from the nearest point of each quadrant, up to ``span`` cells away, or -1."""
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    row, column = py // cell, px // cell
    first, last = max(0, column - span), min(n_columns - 1, column + span)
    a = b = c = d = -1
    far = np.int64(16) * span * span * cell * cell
    near_a = near_b = near_c = near_d = far
    if first <= last:
        for k in range(max(0, row - span), min(n_rows - 1, row + span) + 1):
            for i in range(starts[k * n_columns + first], starts[k * n_columns + last + 1]):
                qx, qy = np.int64(x[i]) - px, np.int64(y[i]) - py
                near = qx * qx + qy * qy
                if qx > 0 or (qx == 0 and nudge < 0):
                    if qy > 0 or (qy == 0 and nudge < 0):
                        if near < near_a:
                            a, near_a = i, near
                    elif near < near_d:
                        d, near_d = i, near
                elif qy > 0 or (qy == 0 and nudge < 0):
                    if near < near_b:
                        b, near_b = i, near
                elif near < near_c:
                    c, near_c = i, near
    if a < 0 or b < 0 or c < 0 or d < 0:
        return -1, -1, -1
    if _side(np.int64(x[a]) - px, np.int64(y[a]) - py, np.int64(x[c]) - px, np.int64(y[c]) - py, nudge) > 0:
        return a, c, d
    return c, a, b


@compiled
def _triangle(
    x: Integers, y: Integers, starts: Integers, frame: Frame, px: Integer, py: Integer, reach: int, nudge: int
) -> tuple[int, int, int, bool]:
    """The Delaunay triangle around the pixel among the points within the square ±reach, or -1.

    Returns (a, b, c, on_rim), counter-clockwise. on_rim: no triangle on this side, but the pixel lies on the rim.
    """
    cell, n_rows, n_columns, ox, oy = frame[0], frame[1], frame[2], frame[3], frame[4]
    per_cell = 1.0 / cell
    half = min(cell, reach)
    a = b = c = -1
    if 3 * cell <= reach:
        a, b, c = _quadrants(x, y, starts, frame, px, py, nudge, 1)
        if a < 0:
            a, b, c = _quadrants(x, y, starts, frame, px, py, nudge, 2)
    while a < 0:
        a, b, c, on_rim, n = _surrounding(x, y, starts, frame, px, py, half, reach, nudge)
        if a >= 0 or half >= reach:
            break
        if n == 0 and half >= 0.58 * reach:  # 1/√3: no triangle with edges <= reach is farther from all its vertices
            break
        half = min(2 * half, reach)
    if a < 0:
        return a, b, c, on_rim
    while True:
        ax, ay, bx, by = np.int64(x[a]) - px, np.int64(y[a]) - py, np.int64(x[b]) - px, np.int64(y[b]) - py
        cx, cy = np.int64(x[c]) - px, np.int64(y[c]) - py
        fax, fay, fbx, fby, fcx, fcy = float(ax), float(ay), float(bx), float(by), float(cx), float(cy)
        la, lb, lc = fbx * fcy - fby * fcx, fcx * fay - fcy * fax, fax * fby - fay * fbx
        aw, bw, cw = fax * fax + fay * fay, fbx * fbx + fby * fby, fcx * fcx + fcy * fcy
        C = la + lb + lc
        A = aw * (fby - fcy) + bw * (fcy - fay) + cw * (fay - fby)
        B = aw * (fcx - fbx) + bw * (fax - fcx) + cw * (fbx - fax)
        K = la * aw + lb * bw + lc * cw
        far = float(max(abs(ax), abs(ay), abs(bx), abs(by), abs(cx), abs(cy)))
        centre_x, centre_y = A / (2 * C), B / (2 * C)
        radius = math.sqrt(max(centre_x * centre_x + centre_y * centre_y + K / C, 0.0))
        radius += _CENTRE_ERROR * far * far * far / C + 1e-9 * radius + 2.0
        entering = -1
        while True:
            # The cells that meet both the circle and the square searched so far; 2 units cover the roundings.
            border = half + 2.0
            first_row = max(0, int((max(centre_y - radius, -border) + py) * per_cell))
            last_row = min(n_rows - 1, int((min(centre_y + radius, border) + py) * per_cell))
            first = max(0, int((max(centre_x - radius, -border) + px) * per_cell))
            last = min(n_columns - 1, int((min(centre_x + radius, border) + px) * per_cell))
            best = error = _DETERMINANT_ERROR * max(far, float(half + 2 * cell)) ** 4
            for row in range(first_row, last_row + 1):
                if last_row - first_row > 8:  # a wide circle: trim the row to its chord
                    off = max(row * cell - py - centre_y, centre_y - ((row + 1) * cell - py), 0.0)
                    chord = math.sqrt(max(radius * radius - off * off, 0.0)) + 2.0
                    first = max(0, int((max(centre_x - chord, -border) + px) * per_cell))
                    last = min(n_columns - 1, int((min(centre_x + chord, border) + px) * per_cell))
                if first > last:
                    continue
                for i in range(starts[row * n_columns + first], starts[row * n_columns + last + 1]):
                    ix, iy = np.int64(x[i]) - px, np.int64(y[i]) - py
                    qx, qy = float(ix), float(iy)
                    inside = A * qx + B * qy + K - C * (qx * qx + qy * qy)
                    if inside > best:
                        if abs(ix) <= reach and abs(iy) <= reach:
                            best, entering = inside, i
                    elif (
                        entering < 0 and inside >= -error and i != a and i != b and i != c  # noqa: PLR1714
                        and abs(ix) <= reach and abs(iy) <= reach
                        and _enters(ax, ay, bx, by, cx, cy, ix, iy, px + ox, py + oy)
                    ):  # fmt: skip
                        entering = i
            if entering >= 0:
                break
            if half >= reach or (abs(centre_x) + radius <= half and abs(centre_y) + radius <= half):
                return a, b, c, False
            half = min(2 * half, reach)
        ex, ey = np.int64(x[entering]) - px, np.int64(y[entering]) - py
        to_a, to_b = _side(ex, ey, ax, ay, nudge) > 0, _side(ex, ey, bx, by, nudge) > 0
        to_c = _side(ex, ey, cx, cy, nudge) > 0
        if to_a and not to_b:
            c = entering
        elif to_b and not to_c:
            a = entering
        else:
            b = entering


@compiled
def _width(corners: Corners, longest: float) -> int:
    """2 where the circumcircle is at most ``longest`` wide, 1 where only the edges are that short, else 0."""
    ax, ay, _, bx, by, _, cx, cy, _ = corners
    ux, uy, vx, vy = float(bx - ax), float(by - ay), float(cx - ax), float(cy - ay)
    u, v = ux * ux + uy * uy, vx * vx + vy * vy
    w = (vx - ux) * (vx - ux) + (vy - uy) * (vy - uy)
    limit = longest * longest
    if u > limit or v > limit or w > limit:
        return 0
    area = ux * vy - uy * vx
    return 2 if u * v * w <= limit * area * area else 1


@compiled
def _holds(corners: Corners, px: Integer, py: Integer) -> bool:
    """Whether the pixel, nudged forwards, lies in the counter-clockwise triangle."""
    ax, ay, _, bx, by, _, cx, cy, _ = corners
    ax, ay, bx, by, cx, cy = ax - px, ay - py, bx - px, by - py, cx - px, cy - py
    return bool(_side(ax, ay, bx, by, 1) > 0 and _side(bx, by, cx, cy, 1) > 0 and _side(cx, cy, ax, ay, 1) > 0)


@compiled
def _touches(corners: Corners, px: Integer, py: Integer) -> bool:
    """Whether the pixel lies exactly on an edge of the triangle that holds it."""
    ax, ay, _, bx, by, _, cx, cy, _ = corners
    ax, ay, bx, by, cx, cy = ax - px, ay - py, bx - px, by - py, cx - px, cy - py
    return bool(ax * by == ay * bx or bx * cy == by * cx or cx * ay == cy * ax)


@compiled
def _height(corners: Corners, px: Integer, py: Integer) -> float:
    """Elevation in the plane of the triangle, in the units of its corners; on a corner exactly that of the corner."""
    ax, ay, az, bx, by, bz, cx, cy, cz = corners
    ax, ay, bx, by, cx, cy = ax - px, ay - py, bx - px, by - py, cx - px, cy - py
    if bx == 0 and by == 0:
        return float(bz)
    if cx == 0 and cy == 0:
        return float(cz)
    la, lb, lc = float(bx * cy - by * cx), float(cx * ay - cy * ax), float(ax * by - ay * bx)
    return float(az) + (lb * float(bz - az) + lc * float(cz - az)) / (la + lb + lc)


@compiled
def _sought(
    x: Integers, y: Integers, z: Integers, starts: Integers, frame: Frame, px: Integer, py: Integer,
    reach: int, longest: float,
) -> tuple[int, Corners]:  # fmt: skip
    """The triangle whose plane gives the pixel its value, its westernmost corner first; with 0 where there is none.

    2: sure to be the triangle of every pixel in it. 1: sought for this pixel alone. A pixel on a point is answered by
    that point, three times. A pixel on an edge belongs to the triangles of both sides: where the first spans a void,
    the second may serve.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    row, column = py // cell, px // cell
    if 0 <= row < n_rows and 0 <= column < n_columns:
        for i in range(starts[row * n_columns + column], starts[row * n_columns + column + 1]):
            if x[i] == px and y[i] == py:
                return 1, (px, py, np.int64(z[i]), px, py, np.int64(z[i]), px, py, np.int64(z[i]))
    for nudge in (1, -1):
        a, b, c, is_on_edge = _triangle(x, y, starts, frame, px, py, reach, nudge)
        if a >= 0:
            if x[b] < x[a] or (x[b] == x[a] and y[b] < y[a]):
                a, b, c = b, c, a
            if x[c] < x[a] or (x[c] == x[a] and y[c] < y[a]):
                a, b, c = c, a, b
            corners = (
                np.int64(x[a]), np.int64(y[a]), np.int64(z[a]),
                np.int64(x[b]), np.int64(y[b]), np.int64(z[b]),
                np.int64(x[c]), np.int64(y[c]), np.int64(z[c]),
            )  # fmt: skip
            width = _width(corners, longest)
            if width > 0:
                return (2 if width == 2 and nudge == 1 else 1), corners
            is_on_edge = _touches(corners, px, py)
        if not is_on_edge:
            break
    return 0, _NOWHERE


@compiled
def interpolate_rows(
    cells: tuple[Integers, Integers, Integers, Integers], frame: Frame, raster: tuple[int, int, int, int, int],
    reach: int, longest: float, wanted: NDArray[np.bool_], values: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill rows of a raster with the linear interpolation of the points.

    Parameters, all lengths in tenths of a millimetre: ``cells`` easting, northing and elevation of points sorted by
    cell, no position twice, relative to the origin of the cells; and the first point of each cell, row after row from
    the south, and the end; ``raster`` centre of the first pixel relative to that origin, pixel size, first row and end
    of the rows to fill; ``reach`` points farther from a pixel in either axis do not count; ``longest`` longest edge
    interpolated across, less than ``reach``; ``wanted`` shape (rows, columns), pixels to fill; ``values`` of the same
    shape, metres, written where wanted: NaN where no triangle serves.
    """
    x, y, z, starts = cells
    first_x, first_y, size, first_row, end_row = raster
    n_columns = values.shape[1]
    above = np.zeros((n_columns, 9), np.int64)  # triangle of the pixel to the north; all zero holds nothing
    for row in range(first_row, end_row):
        py = first_y - row * size
        corners = _NOWHERE
        for column in range(n_columns):
            if not wanted[row, column]:
                continue
            px = first_x + column * size
            if not _holds(corners, px, py):
                u = above[column]
                corners = (u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8])
                if not _holds(corners, px, py):
                    sharing, corners = _sought(x, y, z, starts, frame, px, py, reach, longest)
                    if sharing == 0:
                        values[row, column] = np.nan
                    else:
                        values[row, column] = _height(corners, px, py) / QUANTA_PER_M
                    if sharing < 2:
                        corners = _NOWHERE
                        continue
                u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8] = corners
            values[row, column] = _height(corners, px, py) / QUANTA_PER_M
