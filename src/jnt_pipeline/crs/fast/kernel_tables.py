"""Kernels that look things up: heights in a grid, and the domain in its cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jnt_pipeline.crs.fast.kernel_parts import BOUNDARY, part

__all__ = ["check", "grid"]


@part
def _weighed(value: float, weight: float) -> tuple[float, float]:
    """Product and weight of a node, or nothing where it has no value."""
    return (0.0, 0.0) if math.isnan(value) else (value * weight, weight)


@part
def grid(
    p: Any, at: int, a: Any, b: Any, c: Any, values: Any, fx: Any, fy: Any, va: Any, vb: Any, vc: Any, vd: Any,
    out: Any, m: int,
) -> None:  # fmt: skip
    """Add what a height grid holds: bilinear as in PROJ, weights renormalised around nodata, NaN without any value."""
    factor, west, south, east, north, inv_x, inv_y = (
        p[at], p[at + 1], p[at + 2], p[at + 3], p[at + 4], p[at + 5], p[at + 6],
    )  # fmt: skip
    width, start = p[at + 7], p[at + 8]
    for i in range(m):
        lon, lat = a[i], b[i]
        inside = (lat >= south) & (lat <= north) & (lon >= west) & (lon <= east)
        gx, gy = (lon - west) * inv_x, (lat - south) * inv_y
        column, row = np.floor(gx), np.floor(gy)
        fx[i] = gx - column if inside else np.nan
        fy[i] = gy - row
        out[i] = start + row * width + column if inside else 0.0
    n_columns = int(width)
    for i in range(m):
        here = int(out[i])
        va[i] = values[here]
        vb[i] = values[here + 1]
        vc[i] = values[here + n_columns]
        vd[i] = values[here + n_columns + 1]
    n_holes = 0
    for i in range(m):
        x, y = fx[i], fy[i]
        xy = x * y
        value = va[i] * (1.0 - x - y + xy) + vb[i] * (x - xy) + vc[i] * (y - xy) + vd[i] * xy
        out[i] = value
        n_holes += math.isnan(value)
    if n_holes:
        for i in range(m):
            if out[i] == out[i] or math.isnan(fx[i]):
                continue
            x, y = fx[i], fy[i]
            xy = x * y
            pa, wa = _weighed(va[i], 1.0 - x - y + xy)
            pb, wb = _weighed(vb[i], x - xy)
            pc, wc = _weighed(vc[i], y - xy)
            pd, wd = _weighed(vd[i], xy)
            value, total = pa + pb + pc + pd, wa + wb + wc + wd
            out[i] = value / total  # no weight at all: 0 / 0, no value
    for i in range(m):
        c[i] += out[i] * factor


@part
def check(p: Any, at: int, a: Any, b: Any, c: Any, bad: Any, cells: Any, x: Any, y: Any, m: int) -> None:
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
        bad[i] += 0.0 if inside & (c[i] > low) & (c[i] < high) else BOUNDARY
    for i in range(m):
        bad[i] += cells[int(y[i]) * n + int(x[i])]
