"""The kernels: a chain of stages over blocks of points, each stage a row of loops that the compiler vectorises.

A block of points lies in rows of scratch: ``a, b, c`` are the coordinates of the moment (x, y, z; or longitude and
latitude in radians, and height), ``bad`` counts what the caller has to look at. Every loop does the same IEEE
operations for every point, in the same order, whatever its place in the block: no fused multiply-add, no reordering,
no library function beyond the square root. So a point has one result, alone or among millions, on any processor.

All kernels lie in this one file: numba's cache does not notice a change in a function of another file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types

__all__ = ["BLOCK", "LOOK", "LOST", "REDO", "ROWS", "Kind", "run"]

BLOCK = 512
"""Points in a block."""
ROWS = 12
"""Rows of scratch: a, b, c, bad, a height put aside, and seven for the stages."""

_BOUNDARY, _BEYOND = 1.0, 256.0  # added to ``bad``: test the domain exactly; beyond the polynomials, or not finite
LOOK, REDO, LOST = 1, 2, 4
"""Bits of the state of a point: its domain has to be tested exactly; PROJ has to compute it; it has no result."""


class Kind:
    """What a stage does."""

    SCALE, CHECK, LCC_INVERSE, LCC_FORWARD, TM_INVERSE, TM_FORWARD, GRID = range(7)
    CART_FORWARD, CART_INVERSE, AFFINE, PUSH, POP, ZERO, SHIFT = range(7, 14)


_SCALE, _CHECK, _LCC_INVERSE, _LCC_FORWARD, _TM_INVERSE, _TM_FORWARD, _GRID = range(7)
_CART_FORWARD, _CART_INVERSE, _AFFINE, _PUSH, _POP, _ZERO, _SHIFT = range(7, 14)

_POINTS = types.Array(types.float64, 2, "C", readonly=True)
_OUT = types.Array(types.float64, 2, "C")
_SIGNATURE = types.boolean(
    _POINTS,
    _OUT,
    types.Array(types.uint8, 1, "C"),
    types.Array(types.int64, 1, "C", readonly=True),
    types.Array(types.int64, 1, "C", readonly=True),
    types.Array(types.float64, 1, "C", readonly=True),
    types.Array(types.uint8, 1, "C", readonly=True),
    types.Array(types.float32, 1, "C", readonly=True),
    _OUT,
)
_F = TypeVar("_F", bound=Callable[..., Any])


def _inner(function: _F) -> _F:
    """A part of ``run``, compiled and kept with it: no way in from Python is made for it."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("_F", numba.njit(error_model="numpy", nogil=True, **options)(function))


@_inner
def _polynomial(p: Any, at: int, u: Any, value: Any, m: int) -> int:
    """Horner's rule, four coefficients a pass, the highest first; returns where the next parameters start."""
    n_passes = int(p[at])
    at += 1
    c0, c1, c2, c3 = p[at], p[at + 1], p[at + 2], p[at + 3]
    for i in range(m):
        value[i] = ((c0 * u[i] + c1) * u[i] + c2) * u[i] + c3
    for _ in range(1, n_passes):
        at += 4
        c0, c1, c2, c3 = p[at], p[at + 1], p[at + 2], p[at + 3]
        for i in range(m):
            value[i] = (((value[i] * u[i] + c0) * u[i] + c1) * u[i] + c2) * u[i] + c3
    return at + 4


@_inner
def _analytic(p: Any, at: int, re: Any, im: Any, square: Any, one: Any, two: Any, m: int) -> int:
    """A series with real coefficients and no constant term at a complex number, which it replaces.

    Goertzel's recurrence needs half the products of Horner's rule. Source: D. E. Knuth, Art of Computer Programming,
    volume 2, 4.6.4. ``square`` holds the squared modulus.
    """
    n_passes = int(p[at])
    at += 1
    for i in range(m):
        one[i] = 0.0
        two[i] = 0.0
    for _ in range(n_passes):
        c0, c1, c2, c3 = p[at], p[at + 1], p[at + 2], p[at + 3]
        at += 4
        for i in range(m):
            r, s = 2.0 * re[i], square[i]
            w0 = (c0 + r * one[i]) - s * two[i]
            w1 = (c1 + r * w0) - s * one[i]
            w2 = (c2 + r * w1) - s * w0
            w3 = (c3 + r * w2) - s * w1
            two[i] = w2
            one[i] = w3
    last = p[at]
    for i in range(m):
        x, y = re[i], im[i]
        qx = (last + x * one[i]) - square[i] * two[i]
        qy = y * one[i]
        re[i] = x * qx - y * qy
        im[i] = x * qy + y * qx
    return at + 1


@_inner
def _lcc_inverse(p: Any, at: int, a: Any, b: Any, bad: Any, t: Any, u: Any, v: Any, m: int) -> None:
    """Lambert conformal conic, x and y to longitude and latitude (EPSG methods 9801 and 9802)."""
    x0, y0, rho0, lon0, lat_mid = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4]
    u_mid, u_inv, v_mid, v_inv = p[at + 5], p[at + 6], p[at + 7], p[at + 8]
    for i in range(m):
        x, w = a[i] - x0, (y0 - b[i]) + rho0
        t[i] = x / w
        u[i] = (math.sqrt(x * x + w * w) - u_mid) * u_inv
        v[i] = (t[i] * t[i] - v_mid) * v_inv
        bad[i] += 0.0 if (w > 0.0) & (abs(u[i]) <= 1.0) & (v[i] <= 1.0) else _BEYOND
    at = _polynomial(p, at + 9, v, a, m)
    _polynomial(p, at, u, b, m)
    for i in range(m):
        a[i] = lon0 + t[i] * a[i]
        b[i] += lat_mid


@_inner
def _lcc_forward(p: Any, at: int, a: Any, b: Any, u: Any, v: Any, r: Any, s: Any, w: Any, m: int) -> None:
    """Lambert conformal conic, longitude and latitude to x and y."""
    lon0, cone, lat_mid, u_inv, x0, y0 = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5]
    rho0, v_mid, v_inv = p[at + 6], p[at + 7], p[at + 8]
    for i in range(m):
        a[i] = cone * (a[i] - lon0)
        u[i] = (b[i] - lat_mid) * u_inv
        v[i] = (a[i] * a[i] - v_mid) * v_inv
    at = _polynomial(p, at + 9, u, r, m)  # rho0 - rho
    at = _polynomial(p, at, v, s, m)  # sin(angle) / angle
    _polynomial(p, at, v, w, m)  # (1 - cos(angle)) / angle²
    for i in range(m):
        rho, angle = rho0 - r[i], a[i]
        a[i] = x0 + rho * (angle * s[i])
        b[i] = y0 + (r[i] + rho * (angle * angle * w[i]))


@_inner
def _tm_inverse(p: Any, at: int, a: Any, b: Any, bad: Any, s: Any, one: Any, two: Any, m: int) -> None:
    """Transverse Mercator, x and y to longitude and latitude, by way of the isometric latitude."""
    x0, y0, inv, lon0, lat_mid, u_mid, u_inv = (
        p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5], p[at + 6],
    )  # fmt: skip
    for i in range(m):
        a[i] = (a[i] - x0) * inv
        b[i] = (b[i] - y0) * inv
        s[i] = a[i] * a[i] + b[i] * b[i]
        bad[i] += 0.0 if s[i] <= 1.0 else _BEYOND
    at = _analytic(p, at + 7, b, a, s, one, two, m)
    for i in range(m):
        s[i] = (b[i] - u_mid) * u_inv
        bad[i] += 0.0 if abs(s[i]) <= 1.0 else _BEYOND
        a[i] += lon0
    _polynomial(p, at, s, b, m)
    for i in range(m):
        b[i] += lat_mid


@_inner
def _tm_forward(p: Any, at: int, a: Any, b: Any, u: Any, s: Any, one: Any, two: Any, m: int) -> None:
    """Transverse Mercator, longitude and latitude to x and y, by way of the isometric latitude."""
    lon0, lat_mid, u_inv, inv, x0, y0 = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5]
    for i in range(m):
        a[i] = (a[i] - lon0) * inv
        u[i] = (b[i] - lat_mid) * u_inv
    at = _polynomial(p, at + 6, u, b, m)
    for i in range(m):
        s[i] = a[i] * a[i] + b[i] * b[i]
    _analytic(p, at, b, a, s, one, two, m)
    for i in range(m):
        a[i] += x0
        b[i] += y0


@_inner
def _sine_cosine(p: Any, at: int, angle: Any, sine: Any, cosine: Any, d: Any, v: Any, m: int) -> int:
    """Sine and cosine of an angle near a fixed one."""
    middle, sin_mid, cos_mid, v_mid, v_inv = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4]
    for i in range(m):
        d[i] = angle[i] - middle
        v[i] = (d[i] * d[i] - v_mid) * v_inv
    at = _polynomial(p, at + 5, v, sine, m)
    at = _polynomial(p, at, v, cosine, m)
    for i in range(m):
        s, c = d[i] * sine[i], cosine[i]
        sine[i] = sin_mid * c + cos_mid * s
        cosine[i] = cos_mid * c - sin_mid * s
    return at


@_inner
def _cart_forward(
    p: Any, at: int, a: Any, b: Any, c: Any, sp: Any, cp: Any, sl: Any, cl: Any, d: Any, v: Any, m: int
) -> None:
    """Longitude, latitude, ellipsoidal height to geocentric X, Y, Z (EPSG method 9602)."""
    flat, v_mid, v_inv = p[at], p[at + 1], p[at + 2]
    at = _sine_cosine(p, at + 3, b, sp, cp, d, v, m)
    at = _sine_cosine(p, at, a, sl, cl, d, v, m)
    for i in range(m):
        v[i] = (sp[i] * sp[i] - v_mid) * v_inv
    _polynomial(p, at, v, d, m)  # radius of curvature in the prime vertical
    for i in range(m):
        h = c[i]
        across = (d[i] + h) * cp[i]
        a[i] = across * cl[i]
        b[i] = across * sl[i]
        c[i] = (d[i] * flat + h) * sp[i]


@_inner
def _cart_inverse(
    p: Any, at: int, a: Any, b: Any, c: Any, bad: Any, lon: Any, lat: Any, sq: Any, v: Any, w: Any, u: Any, m: int
) -> None:
    """Geocentric X, Y, Z to longitude, latitude, ellipsoidal height: Bowring's formula of 1976, as in PROJ."""
    major, minor, es, e2s = p[at], p[at + 1], p[at + 2], p[at + 3]
    sin_lon, cos_lon, sin_lat, cos_lat = p[at + 4], p[at + 5], p[at + 6], p[at + 7]
    lon_mid, lat_mid, v_mid, v_inv, w_mid, w_inv = (
        p[at + 8], p[at + 9], p[at + 10], p[at + 11], p[at + 12], p[at + 13],
    )  # fmt: skip
    u_mid, u_inv = p[at + 14], p[at + 15]
    for i in range(m):
        x, y, z = a[i], b[i], c[i]
        r = math.sqrt(x * x + y * y)
        lon[i] = (y * cos_lon - x * sin_lon) / r
        ahead = x * cos_lon + y * sin_lon
        yt, xt = z * major, r * minor
        n = 1.0 / math.sqrt(yt * yt + xt * xt)
        s, k = yt * n, xt * n
        yp, xp = z + e2s * minor * (s * s * s), r - es * major * (k * k * k)
        n = 1.0 / math.sqrt(yp * yp + xp * xp)
        s, k = yp * n, xp * n
        lat[i] = s * cos_lat - k * sin_lat
        sq[i] = r * k + z * s
        v[i] = (lon[i] * lon[i] - v_mid) * v_inv
        w[i] = (lat[i] * lat[i] - w_mid) * w_inv
        u[i] = (s * s - u_mid) * u_inv
        sound = (ahead > 0.0) & (k * cos_lat + s * sin_lat > 0.0) & (v[i] <= 1.0) & (w[i] <= 1.0) & (abs(u[i]) <= 1.0)
        bad[i] += 0.0 if sound else _BEYOND
    at = _polynomial(p, at + 16, v, a, m)
    at = _polynomial(p, at, w, b, m)
    _polynomial(p, at, u, c, m)
    for i in range(m):
        a[i] = lon_mid + lon[i] * a[i]
        b[i] = lat_mid + lat[i] * b[i]
        c[i] = sq[i] - c[i]


@_inner
def _grid(
    p: Any, at: int, a: Any, b: Any, c: Any, values: Any, fx: Any, fy: Any, va: Any, vb: Any, vc: Any, vd: Any,
    out: Any, m: int,
) -> None:  # fmt: skip
    """Add what a height grid holds: bilinear as in PROJ, weights renormalised around nodata, NaN without any value."""
    factor, west, south, east, north, inv_x, inv_y = (
        p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5], p[at + 6],
    )  # fmt: skip
    width, height, start = int(p[at + 7]), int(p[at + 8]), int(p[at + 9])
    for i in range(m):
        lon, lat = a[i], b[i]
        inside = (lat >= south) & (lat <= north) & (lon >= west) & (lon <= east)
        fx[i] = (lon - west) * inv_x if inside else -1.0
        fy[i] = (lat - south) * inv_y if inside else 0.0
    for i in range(m):
        if fx[i] < 0.0:
            va[i] = vb[i] = vc[i] = vd[i] = np.nan
            continue
        ix, iy = int(fx[i]), int(fy[i])
        ix, iy = min(ix, width - 1), min(iy, height - 1)
        fx[i] -= ix
        fy[i] -= iy
        right = 1 if ix + 1 < width else 0  # the last column and the last row stand for the next ones
        here = start + iy * width + ix
        above = here + width if iy + 1 < height else here
        va[i] = values[here]
        vb[i] = values[here + right]
        vc[i] = values[above]
        vd[i] = values[above + right]
    n_holes = 0
    for i in range(m):
        x, y = fx[i], fy[i]
        xy = x * y
        value = va[i] * (1.0 - x - y + xy) + vb[i] * (x - xy) + vc[i] * (y - xy) + vd[i] * xy
        out[i] = value
        n_holes += math.isnan(value)
    if n_holes:
        for i in range(m):
            if out[i] == out[i] or fx[i] < 0.0:
                continue
            x, y = fx[i], fy[i]
            xy = x * y
            value, total = 0.0, 0.0
            if va[i] == va[i]:
                weight = 1.0 - x - y + xy
                value, total = va[i] * weight, weight
            if vb[i] == vb[i]:
                weight = x - xy
                value, total = value + vb[i] * weight, total + weight
            if vc[i] == vc[i]:
                weight = y - xy
                value, total = value + vc[i] * weight, total + weight
            if vd[i] == vd[i]:
                value, total = value + vd[i] * xy, total + xy
            out[i] = value / total  # no weight at all: 0 / 0, no value
    for i in range(m):
        c[i] += out[i] * factor


@_inner
def _check(p: Any, at: int, a: Any, b: Any, c: Any, bad: Any, cells: Any, x: Any, y: Any, m: int) -> None:
    """Look up whether the cell of the point lies wholly inside the domain; longitude and latitude in radians.

    An uncommon height is for the caller to look at, too.
    """
    west, south, inv_x, inv_y = p[at], p[at + 1], p[at + 2], p[at + 3]
    width, height, low, high = p[at + 4], p[at + 5], p[at + 6], p[at + 7]
    n = int(width)
    for i in range(m):
        gx, gy = (a[i] - west) * inv_x, (b[i] - south) * inv_y
        inside = (gx >= 0.0) & (gx < width) & (gy >= 0.0) & (gy < height)
        x[i] = gx if inside else 0.0
        y[i] = gy if inside else 0.0
        bad[i] += 0.0 if inside & (c[i] > low) & (c[i] < high) else _BOUNDARY
    for i in range(m):
        bad[i] += cells[int(y[i]) * n + int(x[i])]


@_inner
def _affine(p: Any, at: int, a: Any, b: Any, c: Any, m: int) -> None:
    """A shift, turn and scale of geocentric coordinates, as one matrix."""
    t0, t1, t2, r00, r01, r02 = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5]
    r10, r11, r12, r20, r21, r22 = p[at + 6], p[at + 7], p[at + 8], p[at + 9], p[at + 10], p[at + 11]
    for i in range(m):
        x, y, z = a[i], b[i], c[i]
        a[i] = t0 + (r00 * x + r01 * y + r02 * z)
        b[i] = t1 + (r10 * x + r11 * y + r12 * z)
        c[i] = t2 + (r20 * x + r21 * y + r22 * z)


@_inner
def _load(points: Any, p: Any, first: int, a: Any, b: Any, c: Any, bad: Any, m: int) -> None:
    low, high = p[0], p[1]
    if points.shape[1] == 3:
        for i in range(m):
            a[i], b[i], c[i] = points[first + i, 0], points[first + i, 1], points[first + i, 2]
    else:
        for i in range(m):
            a[i], b[i], c[i] = points[first + i, 0], points[first + i, 1], 0.0
    for i in range(m):
        rest = (a[i] - a[i]) + (b[i] - b[i]) + (c[i] - c[i])  # zero, or NaN when one is not finite
        bad[i] = 0.0 if rest == 0.0 else _BEYOND
        bad[i] += 0.0 if (c[i] > low) & (c[i] < high) else _BOUNDARY


@_inner
def _store(out: Any, state: Any, first: int, a: Any, b: Any, c: Any, bad: Any, m: int) -> bool:
    """Write the results and the state of the points; returns whether any of them needs a look."""
    if out.shape[1] == 3:
        for i in range(m):
            out[first + i, 0], out[first + i, 1], out[first + i, 2] = a[i], b[i], c[i]
    else:
        for i in range(m):
            out[first + i, 0], out[first + i, 1] = a[i], b[i]
            c[i] = 0.0
    total = 0.0
    for i in range(m):
        rest = (a[i] - a[i]) + (b[i] - b[i]) + (c[i] - c[i])
        c[i] = 0.0 if rest == 0.0 else 1.0
        total += bad[i] + c[i]  # whole numbers: exact in any order
    if total == 0.0:
        for i in range(m):
            state[first + i] = 0
        return False
    for i in range(m):
        flags = LOST if c[i] > 0.0 else 0
        if bad[i] > 0.0:
            flags |= LOOK
        if bad[i] >= _BEYOND:
            flags |= REDO
        state[first + i] = flags
    return True


@numba.njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def run(
    points: Any, out: Any, state: Any, kinds: Any, starts: Any, p: Any, cells: Any, values: Any, scratch: Any
) -> bool:
    """Transform points, block by block.

    Parameters
    ----------
    points, out : (n, 2) or (n, 3) float64
        Input and result.
    state : (n,) uint8
        Written: 0 where the result stands, else bits ``LOOK``, ``REDO``, ``LOST``.
    kinds, starts : (s,) int64
        What each stage does (:class:`Kind`), and where its parameters start.
    p : float64
        Least and greatest third coordinate that need no look; parameters and coefficients of all stages.
    cells : uint8
        Domain, by rows from the south: 0 where a cell lies wholly inside, 1 elsewhere.
    values : float32
        Height grids one after the other, by rows from the south, NaN for nodata.
    scratch : (ROWS, BLOCK) float64

    Returns
    -------
    Whether any state is not 0.
    """
    n = points.shape[0]
    anything = False
    a, b, c, bad, kept = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    r0, r1, r2, r3, r4 = scratch[5], scratch[6], scratch[7], scratch[8], scratch[9]
    r5, r6 = scratch[10], scratch[11]
    for first in range(0, n, BLOCK):
        m = min(BLOCK, n - first)
        _load(points, p, first, a, b, c, bad, m)
        for stage in range(len(kinds)):
            kind, at = kinds[stage], starts[stage]
            if kind == _CHECK:
                _check(p, at, a, b, c, bad, cells, r0, r1, m)
            elif kind == _LCC_INVERSE:
                _lcc_inverse(p, at, a, b, bad, r0, r1, r2, m)
            elif kind == _LCC_FORWARD:
                _lcc_forward(p, at, a, b, r0, r1, r2, r3, r4, m)
            elif kind == _TM_INVERSE:
                _tm_inverse(p, at, a, b, bad, r0, r1, r2, m)
            elif kind == _TM_FORWARD:
                _tm_forward(p, at, a, b, r0, r1, r2, r3, m)
            elif kind == _GRID:
                _grid(p, at, a, b, c, values, r0, r1, r2, r3, r4, r5, r6, m)
            elif kind == _CART_FORWARD:
                _cart_forward(p, at, a, b, c, r0, r1, r2, r3, r4, r5, m)
            elif kind == _CART_INVERSE:
                _cart_inverse(p, at, a, b, c, bad, r0, r1, r2, r3, r4, r5, m)
            elif kind == _AFFINE:
                _affine(p, at, a, b, c, m)
            elif kind == _SCALE:
                factor = p[at]
                for i in range(m):
                    a[i] *= factor
                    b[i] *= factor
            else:
                amount = p[at]
                for i in range(m):
                    if kind == _PUSH:
                        kept[i] = c[i]
                    elif kind == _POP:
                        c[i] = kept[i]
                    elif kind == _ZERO:
                        c[i] = 0.0
                    else:
                        c[i] += amount
        anything |= _store(out, state, first, a, b, c, bad, m)
    return anything
