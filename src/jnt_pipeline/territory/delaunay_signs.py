"""Exact signs that decide a Delaunay triangulation: turns and circles, with ties broken by positions alone."""

from __future__ import annotations

import numpy as np

from jnt_pipeline.libraries.compiled import compiled

__all__ = ["Integer", "enters", "side"]

Integer = int | np.int64


@compiled
def side(ux: Integer, uy: Integer, vx: Integer, vy: Integer, nudge: int) -> Integer:
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
def enters(
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
