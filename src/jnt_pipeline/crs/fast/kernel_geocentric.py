"""Kernels of geocentric coordinates: to them, from them, and between two realisations."""

from __future__ import annotations

import math
from typing import Any

from jnt_pipeline.crs.fast.kernel_parts import BEYOND, part, polynomial

__all__ = ["affine", "cart_forward", "cart_inverse"]


@part
def _sine_cosine(p: Any, at: int, angle: Any, sine: Any, cosine: Any, d: Any, v: Any, m: int) -> int:
    """Sine and cosine of an angle near a fixed one."""
    middle, sin_mid, cos_mid, v_mid, v_inv = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4]
    for i in range(m):
        d[i] = angle[i] - middle
        v[i] = (d[i] * d[i] - v_mid) * v_inv
    at = polynomial(p, at + 5, v, sine, m)
    at = polynomial(p, at, v, cosine, m)
    for i in range(m):
        s, c = d[i] * sine[i], cosine[i]
        sine[i] = sin_mid * c + cos_mid * s
        cosine[i] = cos_mid * c - sin_mid * s
    return at


@part
def cart_forward(
    p: Any, at: int, a: Any, b: Any, c: Any, sp: Any, cp: Any, sl: Any, cl: Any, d: Any, v: Any, m: int
) -> None:
    """Longitude, latitude, ellipsoidal height to geocentric X, Y, Z (EPSG method 9602)."""
    flat, v_mid, v_inv = p[at], p[at + 1], p[at + 2]
    at = _sine_cosine(p, at + 3, b, sp, cp, d, v, m)
    at = _sine_cosine(p, at, a, sl, cl, d, v, m)
    for i in range(m):
        v[i] = (sp[i] * sp[i] - v_mid) * v_inv
    polynomial(p, at, v, d, m)  # radius of curvature in the prime vertical
    for i in range(m):
        h = c[i]
        across = (d[i] + h) * cp[i]
        a[i] = across * cl[i]
        b[i] = across * sl[i]
        c[i] = (d[i] * flat + h) * sp[i]


@part
def cart_inverse(
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
        bad[i] += 0.0 if sound else BEYOND
    at = polynomial(p, at + 16, v, a, m)
    at = polynomial(p, at, w, b, m)
    polynomial(p, at, u, c, m)
    for i in range(m):
        a[i] = lon_mid + lon[i] * a[i]
        b[i] = lat_mid + lat[i] * b[i]
        c[i] = sq[i] - c[i]


@part
def affine(p: Any, at: int, a: Any, b: Any, c: Any, m: int) -> None:
    """A shift, turn and scale of geocentric coordinates, as one matrix."""
    t0, t1, t2, r00, r01, r02 = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5]
    r10, r11, r12, r20, r21, r22 = p[at + 6], p[at + 7], p[at + 8], p[at + 9], p[at + 10], p[at + 11]
    for i in range(m):
        x, y, z = a[i], b[i], c[i]
        a[i] = t0 + (r00 * x + r01 * y + r02 * z)
        b[i] = t1 + (r10 * x + r11 * y + r12 * z)
        c[i] = t2 + (r20 * x + r21 * y + r22 * z)
