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
from numba import njit

__all__ = ["interpolate_rows"]

# |computed - exact| of the in-circle determinant is below 360 roundings of m⁴, m the largest coordinate relative to
# the pixel: 12 m³ in each of two slopes, 12 m⁴ in the constant and in the lifted term, a few roundings each.
_DETERMINANT_ERROR = 5e-14
# The same for the centre and the radius of the circumcircle, per m³ and unit of twice the triangle's area.
_CENTRE_ERROR = 7e-14


@njit(cache=True, nogil=True)
def _side(ux, uy, vx, vy, nudge):  # type: ignore[no-untyped-def]
    """Sign of the turn pixel → u → v, the pixel moved by nudge · (ε, ε²): never 0 for two distinct points."""
    cross = ux * vy - uy * vx
    if cross == 0:
        cross = nudge * (uy - vy)
        if cross == 0:
            cross = nudge * (vx - ux)
    return cross


@njit(cache=True, nogil=True)
def _rank(x, y):  # type: ignore[no-untyped-def]
    """Hash of an absolute position (splitmix64), which ranks the infinitesimals of cocircular points."""
    mixed = np.uint64(x) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(y)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True)
def _outranks(ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """Whether the infinitesimal of a is greater than that of b; a total order of positions."""
    rank_a, rank_b = _rank(ax, ay), _rank(bx, by)
    if rank_a != rank_b:
        return rank_a > rank_b
    return ax > bx or (ax == bx and ay > by)


@njit(cache=True, nogil=True)
def _enters(ax, ay, bx, by, cx, cy, qx, qy, ox, oy):  # type: ignore[no-untyped-def]
    """Whether q lies inside the circumcircle of a, b, c (counter-clockwise), where |determinant| < 2^62.

    Integers wrap modulo 2^64. ``ox, oy``: absolute position of the pixel.
    """
    aw, bw, cw, qw = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy, qx * qx + qy * qy
    la = (bx - qx) * (cy - qy) - (by - qy) * (cx - qx)
    lb = (cx - qx) * (ay - qy) - (cy - qy) * (ax - qx)
    lc = (ax - qx) * (by - qy) - (ay - qy) * (bx - qx)
    determinant = la * aw + lb * bw + lc * cw - (la + lb + lc) * qw
    if determinant != 0:
        return determinant > 0
    # Cocircular: the greatest infinitesimal decides, by its cofactor. No three of four such points are in line.
    tx, ty, cofactor = qx, qy, -(la + lb + lc)
    if _outranks(ax + ox, ay + oy, tx + ox, ty + oy):
        tx, ty, cofactor = ax, ay, la
    if _outranks(bx + ox, by + oy, tx + ox, ty + oy):
        tx, ty, cofactor = bx, by, lb
    if _outranks(cx + ox, cy + oy, tx + ox, ty + oy):
        tx, ty, cofactor = cx, cy, lc
    return cofactor > 0


@njit(cache=True, nogil=True)
def _surrounding(x, y, starts, frame, px, py, half, reach, nudge):  # type: ignore[no-untyped-def]
    """Any triangle of points within the cells that meet the square ±half around the pixel, and that holds it.

    Returns (a, b, c, on_rim, n): indices counter-clockwise, or -1 where all points lie on one side of the pixel;
    on_rim tells that the pixel lies exactly between two of them; n: points in those cells.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    first_row, last_row = max(0, (py - half) // cell), min(n_rows - 1, (py + half) // cell)
    first, last = max(0, (px - half) // cell), min(n_columns - 1, (px + half) // cell)
    right = left = np.int64(-1)
    rx = ry = lx = ly = np.int64(0)
    n = 0
    if first > last:
        return np.int64(-1), np.int64(-1), np.int64(-1), False, n
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
        if right != left:
            south, north = row * cell - py, (row + 1) * cell - py
            if (
                rx * south - ry * west > 0 and lx * south - ly * west < 0
                and rx * south - ry * east > 0 and lx * south - ly * east < 0
                and rx * north - ry * west > 0 and lx * north - ly * west < 0
                and rx * north - ry * east > 0 and lx * north - ly * east < 0
            ):  # fmt: skip
                continue  # the whole run of cells lies between the two outermost directions
        for i in range(begin, end):
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
    on_rim = right != left and rx * ly - ry * lx == 0 and rx * lx + ry * ly < 0
    return np.int64(-1), np.int64(-1), np.int64(-1), on_rim, n


@njit(cache=True, nogil=True)
def _triangle(x, y, starts, frame, px, py, reach, nudge):  # type: ignore[no-untyped-def]
    """The Delaunay triangle around the pixel among the points within the square ±reach, or -1.

    Returns (a, b, c, on_rim), counter-clockwise. on_rim: no triangle on this side, but the pixel lies on the rim.
    """
    cell, n_rows, n_columns, ox, oy = frame[0], frame[1], frame[2], frame[3], frame[4]
    half = min(cell, reach)
    while True:
        a, b, c, on_rim, n = _surrounding(x, y, starts, frame, px, py, half, reach, nudge)
        if a >= 0 or half >= reach:
            break
        if n == 0 and half >= 0.58 * reach:  # 1/√3: no triangle with edges <= reach is farther from all its vertices
            break
        half = min(2 * half, reach)
    if a < 0:
        return a, b, c, on_rim
    while True:
        ax, ay = np.int64(x[a]) - px, np.int64(y[a]) - py
        bx, by = np.int64(x[b]) - px, np.int64(y[b]) - py
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
        entering = np.int64(-1)
        while True:
            # The cells that meet both the circle and the square searched so far, row by row.
            low, high = max(centre_y - radius, float(-half)), min(centre_y + radius, float(half))
            first_row = max(0, (np.int64(math.floor(low)) + py) // cell)
            last_row = min(n_rows - 1, (np.int64(math.ceil(high)) + py) // cell)
            error = max(far, float(half + cell))
            error = _DETERMINANT_ERROR * error * error * error * error
            best = error
            for row in range(first_row, last_row + 1):
                off = max(row * cell - py - centre_y, centre_y - ((row + 1) * cell - py), 0.0)
                chord = radius * radius - off * off
                if chord < 0:
                    continue
                chord = math.sqrt(chord) + 1.0
                west, east = max(centre_x - chord, float(-half)), min(centre_x + chord, float(half))
                first = max(0, (np.int64(math.floor(west)) + px) // cell)
                last = min(n_columns - 1, (np.int64(math.ceil(east)) + px) // cell)
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
                        entering < 0 and inside >= -error and i != a and i != b and i != c
                        and abs(ix) <= reach and abs(iy) <= reach
                        and _enters(ax, ay, bx, by, cx, cy, ix, iy, px + ox, py + oy)
                    ):  # fmt: skip
                        entering = i
            if entering >= 0:
                break
            if half >= reach or (abs(centre_x) + radius <= half and abs(centre_y) + radius <= half):
                return a, b, c, False
            half = min(2 * half, reach)
        qx, qy = np.int64(x[entering]) - px, np.int64(y[entering]) - py
        to_a, to_b = _side(qx, qy, ax, ay, nudge) > 0, _side(qx, qy, bx, by, nudge) > 0
        to_c = _side(qx, qy, cx, cy, nudge) > 0
        if to_a and not to_b:
            c = entering
        elif to_b and not to_c:
            a = entering
        else:
            b = entering


@njit(cache=True, nogil=True)
def _width(x, y, a, b, c, longest):  # type: ignore[no-untyped-def]
    """2 where the circumcircle is at most ``longest`` wide, 1 where only the edges are that short, else 0."""
    ux, uy = float(x[b]) - float(x[a]), float(y[b]) - float(y[a])
    vx, vy = float(x[c]) - float(x[a]), float(y[c]) - float(y[a])
    u, v = ux * ux + uy * uy, vx * vx + vy * vy
    w = (vx - ux) * (vx - ux) + (vy - uy) * (vy - uy)
    limit = longest * longest
    if u > limit or v > limit or w > limit:
        return 0
    area = ux * vy - uy * vx
    return 2 if u * v * w <= limit * area * area else 1


@njit(cache=True, nogil=True)
def _holds(x, y, a, b, c, px, py):  # type: ignore[no-untyped-def]
    """Whether the pixel, nudged forwards, lies in the counter-clockwise triangle."""
    ax, ay = np.int64(x[a]) - px, np.int64(y[a]) - py
    bx, by = np.int64(x[b]) - px, np.int64(y[b]) - py
    if _side(ax, ay, bx, by, 1) <= 0:
        return False
    cx, cy = np.int64(x[c]) - px, np.int64(y[c]) - py
    return _side(bx, by, cx, cy, 1) > 0 and _side(cx, cy, ax, ay, 1) > 0


@njit(cache=True, nogil=True)
def _on_edge(x, y, a, b, c, px, py):  # type: ignore[no-untyped-def]
    """Whether the pixel lies exactly on an edge of the triangle that holds it."""
    ax, ay = np.int64(x[a]) - px, np.int64(y[a]) - py
    bx, by = np.int64(x[b]) - px, np.int64(y[b]) - py
    cx, cy = np.int64(x[c]) - px, np.int64(y[c]) - py
    return ax * by - ay * bx == 0 or bx * cy - by * cx == 0 or cx * ay - cy * ax == 0


@njit(cache=True, nogil=True)
def _height(x, y, z, a, b, c, px, py):  # type: ignore[no-untyped-def]
    """Elevation in the plane of the triangle, in the units of z; vertices taken in a canonical order."""
    if x[b] < x[a] or (x[b] == x[a] and y[b] < y[a]):
        if x[c] < x[b] or (x[c] == x[b] and y[c] < y[b]):
            a, b, c = c, a, b
        else:
            a, b, c = b, c, a
    elif x[c] < x[a] or (x[c] == x[a] and y[c] < y[a]):
        a, b, c = c, a, b
    ax, ay = np.int64(x[a]) - px, np.int64(y[a]) - py
    bx, by = np.int64(x[b]) - px, np.int64(y[b]) - py
    cx, cy = np.int64(x[c]) - px, np.int64(y[c]) - py
    if bx == 0 and by == 0:
        return float(z[b])
    if cx == 0 and cy == 0:
        return float(z[c])
    la, lb, lc = float(bx * cy - by * cx), float(cx * ay - cy * ax), float(ax * by - ay * bx)
    za = float(z[a])
    return za + (lb * (float(z[b]) - za) + lc * (float(z[c]) - za)) / (la + lb + lc)


@njit(cache=True, nogil=True)
def _sought(x, y, starts, frame, px, py, reach, longest):  # type: ignore[no-untyped-def]
    """The triangle whose plane gives the pixel its value: (a, b, c, shared), or -1 where there is none.

    A pixel on a point is answered by that point, as (i, i, i). A pixel on an edge belongs to the triangles of both
    sides: where the first spans a void, the second may serve. Shared: sure to be that of the pixels around as well.
    """
    cell, n_rows, n_columns = frame[0], frame[1], frame[2]
    row, column = py // cell, px // cell
    if 0 <= row < n_rows and 0 <= column < n_columns:
        for i in range(starts[row * n_columns + column], starts[row * n_columns + column + 1]):
            if x[i] == px and y[i] == py:
                return np.int64(i), np.int64(i), np.int64(i), False
    for nudge in (1, -1):
        a, b, c, is_on_edge = _triangle(x, y, starts, frame, px, py, reach, nudge)
        if a >= 0:
            width = _width(x, y, a, b, c, longest)
            if width > 0:
                return a, b, c, width == 2 and nudge == 1
            is_on_edge = _on_edge(x, y, a, b, c, px, py)
        if not is_on_edge:
            break
    return np.int64(-1), np.int64(-1), np.int64(-1), False


@njit(cache=True, nogil=True)
def interpolate_rows(x, y, z, starts, frame, pixels, rows, reach, longest, wanted, values):  # type: ignore[no-untyped-def]
    """Fill rows of a raster with the linear interpolation of the points.

    Parameters, all lengths in tenths of a millimetre: ``x, y, z`` int32 points sorted by cell, no position twice,
    relative to the origin of the cells; ``starts`` int32, first point of each cell, row after row from the south,
    and the end; ``frame`` int64: cell size, rows and columns of cells, absolute easting and northing of their
    origin; ``pixels`` int64: centre of the first pixel relative to that origin, and pixel size; ``rows`` int64:
    first row and end; ``reach`` int64: points farther from a pixel in either axis do not count; ``longest`` float64:
    longest edge interpolated across, less than ``reach``; ``wanted`` bool (rows, columns): pixels to fill; ``values`` float32 (rows, columns), metres, written where wanted: NaN where no triangle serves.
    """
    n_columns = values.shape[1]
    above = np.full((n_columns, 3), -1, np.int64)
    for row in range(rows[0], rows[1]):
        py = pixels[1] - row * pixels[2]
        a = b = c = np.int64(-1)
        for column in range(n_columns):
            if not wanted[row, column]:
                continue
            px = pixels[0] + column * pixels[2]
            if a < 0 or not _holds(x, y, a, b, c, px, py):
                a, b, c = above[column, 0], above[column, 1], above[column, 2]
                if a < 0 or not _holds(x, y, a, b, c, px, py):
                    a, b, c, shared = _sought(x, y, starts, frame, px, py, reach, longest)
                    if not shared:
                        if a < 0:
                            values[row, column] = np.nan
                        elif a == b:
                            values[row, column] = float(z[a]) / 10_000.0
                        else:
                            values[row, column] = _height(x, y, z, a, b, c, px, py) / 10_000.0
                        a = b = c = np.int64(-1)
                        continue
                above[column, 0], above[column, 1], above[column, 2] = a, b, c
            values[row, column] = _height(x, y, z, a, b, c, px, py) / 10_000.0
