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
from jnt_pipeline.territory.delaunay_signs import Integer, enters, side
from jnt_pipeline.territory.delaunay_start import Frame, from_quadrants, surrounding
from jnt_pipeline.territory.grid import QUANTA_PER_M

__all__ = ["interpolate_rows"]

Integers = NDArray[np.int32]
Corners = tuple[Integer, Integer, Integer, Integer, Integer, Integer, Integer, Integer, Integer]
"""Easting, northing, elevation of the three corners of a triangle, counter-clockwise, relative to that origin."""
_NO_POINT: Integer = -1
_NOWHERE: Corners = (0, 0, 0, 0, 0, 0, 0, 0, 0)  # holds no pixel

# |computed - exact| of the in-circle determinant is below 360 roundings of m⁴, m the largest coordinate relative to
# the pixel: 12 m³ in each of two slopes, 12 m⁴ in the constant and in the lifted term, a few roundings each.
_DETERMINANT_ERROR = 5e-14
# The same for the centre and the radius of the circumcircle, per m³ and unit of twice the triangle's area.
_CENTRE_ERROR = 7e-14


@compiled
def _triangle(
    x: Integers, y: Integers, starts: Integers, frame: Frame, px: Integer, py: Integer, reach: int, nudge: int
) -> tuple[Integer, Integer, Integer, bool]:
    """The Delaunay triangle around the pixel among the points within the square ±reach, or -1.

    Returns (a, b, c, on_rim), counter-clockwise. on_rim: no triangle on this side, but the pixel lies on the rim.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    per_cell = 1.0 / cell
    half = min(2 * cell, reach)
    a = b = c = spare = _NO_POINT
    if 3 * cell <= reach:
        a, b, c, spare = from_quadrants(x, y, starts, frame, px, py, nudge, 1)
        if a < 0:
            a, b, c, spare = from_quadrants(x, y, starts, frame, px, py, nudge, 2)
    while a < 0:
        a, b, c, on_rim, n = surrounding(x, y, starts, frame, px, py, half, reach, nudge)
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
        entering = _NO_POINT
        if spare >= 0:  # often inside, and known without a search
            qx, qy = float(np.int64(x[spare]) - px), float(np.int64(y[spare]) - py)
            error = _DETERMINANT_ERROR * max(far, abs(qx), abs(qy)) ** 4
            if A * qx + B * qy + K - C * (qx * qx + qy * qy) > error:
                entering = spare
            spare = _NO_POINT
        if entering < 0:
            centre_x, centre_y = A / (2 * C), B / (2 * C)
            radius = math.sqrt(max(centre_x * centre_x + centre_y * centre_y + K / C, 0.0))
            radius += _CENTRE_ERROR * far * far * far / C + 1e-9 * radius + 2.0
        while entering < 0:
            # The cells that meet both the circle and the square searched so far; 2 units cover the roundings.
            border = half + 2.0
            first_row = max(0, int((max(centre_y - radius, -border) + py) * per_cell))
            last_row = min(n_rows - 1, int((min(centre_y + radius, border) + py) * per_cell))
            west = max(0, int((max(centre_x - radius, -border) + px) * per_cell))
            east = min(n_columns - 1, int((min(centre_x + radius, border) + px) * per_cell))
            first, last = west, east
            best = error = _DETERMINANT_ERROR * max(far, float(half + 2 * cell)) ** 4
            n_open = 0
            for row in range(first_row, last_row + 1):
                if last_row - first_row > 8:  # a wide circle: trim the row to its chord
                    off = max(row * cell - py - centre_y, centre_y - ((row + 1) * cell - py), 0.0)
                    chord = math.sqrt(max(radius * radius - off * off, 0.0)) + 2.0
                    first = max(0, int((max(centre_x - chord, -border) + px) * per_cell))
                    last = min(n_columns - 1, int((min(centre_x + chord, border) + px) * per_cell))
                if first > last:
                    continue
                # Unsigned: numba would ask of each index whether it counts from the end.
                begin, end = np.uint64(starts[row * n_columns + first]), np.uint64(starts[row * n_columns + last + 1])
                for u in range(begin, end):
                    ix, iy = np.int64(x[u]) - px, np.int64(y[u]) - py
                    qx, qy, i = float(ix), float(iy), np.int64(u)
                    inside = A * qx + B * qy + K - C * (qx * qx + qy * qy)
                    # Counted without a branch: the corners themselves are always so near the circle.
                    n_open += (inside >= -error) & (inside <= error) & (i != a) & (i != b) & (i != c)
                    if inside > best and abs(ix) <= reach and abs(iy) <= reach:
                        best, entering = inside, i
            if entering < 0 and n_open > 0:
                window, circle = (first_row, last_row, west, east), (A, B, K, C, error)
                entering = _undecided(x, y, starts, frame, px, py, reach, (a, b, c), window, circle)
            if entering < 0:
                if half >= reach or (abs(centre_x) + radius <= half and abs(centre_y) + radius <= half):
                    return a, b, c, False
                half = min(2 * half, reach)
        ex, ey = np.int64(x[entering]) - px, np.int64(y[entering]) - py
        to_a, to_b = side(ex, ey, ax, ay, nudge) > 0, side(ex, ey, bx, by, nudge) > 0
        to_c = side(ex, ey, cx, cy, nudge) > 0
        if to_a and not to_b:
            c = entering
        elif to_b and not to_c:
            a = entering
        else:
            b = entering


@compiled
def _undecided(
    x: Integers, y: Integers, starts: Integers, frame: Frame, px: Integer, py: Integer, reach: int,
    corners: tuple[Integer, Integer, Integer], window: tuple[int, int, int, int],
    circle: tuple[float, float, float, float, float],
) -> Integer:  # fmt: skip
    """A point of the window that lies inside the circle by less than floating point can tell, or -1.

    ``window``: first and last row, first and last column of cells; ``circle``: the coefficients A, B, K, C of the
    determinant, and its error.
    """
    a, b, c = corners
    first_row, last_row, first, last = window
    A, B, K, C, error = circle
    n_columns, ox, oy = frame[2], frame[3], frame[4]
    ax, ay, bx, by = np.int64(x[a]) - px, np.int64(y[a]) - py, np.int64(x[b]) - px, np.int64(y[b]) - py
    cx, cy = np.int64(x[c]) - px, np.int64(y[c]) - py
    if first > last:
        return _NO_POINT
    for row in range(first_row, last_row + 1):
        for i in range(starts[row * n_columns + first], starts[row * n_columns + last + 1]):
            ix, iy = np.int64(x[i]) - px, np.int64(y[i]) - py
            qx, qy = float(ix), float(iy)
            is_corner = (i == a) | (i == b) | (i == c)
            if (
                not is_corner
                and abs(A * qx + B * qy + K - C * (qx * qx + qy * qy)) <= error
                and abs(ix) <= reach and abs(iy) <= reach
                and enters(ax, ay, bx, by, cx, cy, ix, iy, px + ox, py + oy)
            ):  # fmt: skip
                return np.int64(i)
    return _NO_POINT


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
    return bool(side(ax, ay, bx, by, 1) > 0 and side(bx, by, cx, cy, 1) > 0 and side(cx, cy, ax, ay, 1) > 0)


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

    2: sure to be the triangle of every pixel in it, however far one looks. 1: sought for this pixel alone. A pixel on a
    point is answered by that point, three times. A pixel on an edge belongs to the triangles of both sides: where the
    first spans a void, the second may serve.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    row, column = py // cell, px // cell
    if 0 <= row < n_rows and 0 <= column < n_columns:
        for i in range(starts[row * n_columns + column], starts[row * n_columns + column + 1]):
            if x[i] == px and y[i] == py:
                return 2, (px, py, np.int64(z[i]), px, py, np.int64(z[i]), px, py, np.int64(z[i]))
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
    reach: int, longest: float, only_sure: bool, wanted: NDArray[np.bool_], values: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill rows of a raster with the linear interpolation of the points.

    Parameters, all lengths in tenths of a millimetre: ``cells`` easting, northing and elevation of points sorted by
    cell, no position twice, relative to the origin of the cells; and the first point of each cell, row after row from
    the south, and the end; ``raster`` centre of the first pixel relative to that origin, pixel size, first row and end
    of the rows to fill; ``reach`` points farther from a pixel in either axis do not count; ``longest`` longest edge
    interpolated across, less than ``reach``; ``only_sure`` fills only what no point farther away could change, and
    leaves the others wanted; ``wanted`` shape (rows, columns), pixels to fill; ``values`` of the same shape, metres,
    written where wanted: NaN where no triangle serves.
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
                    if sharing < 2:
                        if not only_sure:
                            found = sharing == 1
                            values[row, column] = _height(corners, px, py) / QUANTA_PER_M if found else np.nan
                        corners = _NOWHERE
                        continue
                u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8] = corners
            values[row, column] = _height(corners, px, py) / QUANTA_PER_M
            if only_sure:
                wanted[row, column] = False
