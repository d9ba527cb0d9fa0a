"""Kernels of the projections: Lambert conformal conic and transverse Mercator, both ways."""

from __future__ import annotations

import math
from typing import Any

from jnt_pipeline.crs.fast.kernel_parts import BEYOND, analytic, part, polynomial

__all__ = ["lcc_forward", "lcc_inverse", "tm_forward", "tm_inverse"]


@part
def lcc_inverse(p: Any, at: int, a: Any, b: Any, bad: Any, t: Any, u: Any, v: Any, m: int) -> None:
    """Lambert conformal conic, x and y to longitude and latitude (EPSG methods 9801 and 9802)."""
    x0, y0, rho0, lon0, lat_mid = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4]
    u_mid, u_inv, v_mid, v_inv = p[at + 5], p[at + 6], p[at + 7], p[at + 8]
    for i in range(m):
        x, w = a[i] - x0, (y0 - b[i]) + rho0
        t[i] = x / w
        u[i] = (math.sqrt(x * x + w * w) - u_mid) * u_inv
        v[i] = (t[i] * t[i] - v_mid) * v_inv
        bad[i] += 0.0 if (w > 0.0) & (abs(u[i]) <= 1.0) & (v[i] <= 1.0) else BEYOND
    at = polynomial(p, at + 9, v, a, m)
    polynomial(p, at, u, b, m)
    for i in range(m):
        a[i] = lon0 + t[i] * a[i]
        b[i] += lat_mid


@part
def lcc_forward(p: Any, at: int, a: Any, b: Any, u: Any, v: Any, r: Any, s: Any, w: Any, m: int) -> None:
    """Lambert conformal conic, longitude and latitude to x and y."""
    lon0, cone, lat_mid, u_inv, x0, y0 = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5]
    rho0, v_mid, v_inv = p[at + 6], p[at + 7], p[at + 8]
    for i in range(m):
        a[i] = cone * (a[i] - lon0)
        u[i] = (b[i] - lat_mid) * u_inv
        v[i] = (a[i] * a[i] - v_mid) * v_inv
    at = polynomial(p, at + 9, u, r, m)  # rho0 - rho
    at = polynomial(p, at, v, s, m)  # sin(angle) / angle
    polynomial(p, at, v, w, m)  # (1 - cos(angle)) / angle²
    for i in range(m):
        rho, angle = rho0 - r[i], a[i]
        a[i] = x0 + rho * (angle * s[i])
        b[i] = y0 + (r[i] + rho * (angle * angle * w[i]))


@part
def tm_inverse(p: Any, at: int, a: Any, b: Any, bad: Any, s: Any, one: Any, two: Any, m: int) -> None:
    """Transverse Mercator, x and y to longitude and latitude, by way of the isometric latitude."""
    x0, y0, inv, lon0, lat_mid, u_mid, u_inv = (
        p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5], p[at + 6],
    )  # fmt: skip
    for i in range(m):
        a[i] = (a[i] - x0) * inv
        b[i] = (b[i] - y0) * inv
        s[i] = a[i] * a[i] + b[i] * b[i]
        bad[i] += 0.0 if s[i] <= 1.0 else BEYOND
    at = analytic(p, at + 7, b, a, s, one, two, m)
    for i in range(m):
        s[i] = (b[i] - u_mid) * u_inv
        bad[i] += 0.0 if abs(s[i]) <= 1.0 else BEYOND
        a[i] += lon0
    polynomial(p, at, s, b, m)
    for i in range(m):
        b[i] += lat_mid


@part
def tm_forward(p: Any, at: int, a: Any, b: Any, u: Any, s: Any, one: Any, two: Any, m: int) -> None:
    """Transverse Mercator, longitude and latitude to x and y, by way of the isometric latitude."""
    lon0, lat_mid, u_inv, inv, x0, y0 = p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5]
    for i in range(m):
        a[i] = (a[i] - lon0) * inv
        u[i] = (b[i] - lat_mid) * u_inv
    at = polynomial(p, at + 6, u, b, m)
    for i in range(m):
        s[i] = a[i] * a[i] + b[i] * b[i]
    analytic(p, at, b, a, s, one, two, m)
    for i in range(m):
        a[i] += x0
        b[i] += y0
