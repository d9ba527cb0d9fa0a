"""Made town buildings: parts under roofs of their own, dormers, furniture, façades hit, outlines beside their walls.

Harder than any single shape of ``made_roofs``, and without a truth for the number of faces: what such points are for is
to choose parameters by how much roof how few faces explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

__all__ = ["MadeTownBuilding", "made_town_building"]

Floats = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]

_NOISE_M = 0.04
# Vertical noise on tiles, one standard deviation.


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTownBuilding:
    """A building of several parts, as LiDAR sees it."""

    footprint: Polygon
    """As the cadastre draws it: up to 0.25 m beside the walls, metres."""
    points: Floats
    """Shape (n, 3), metres; ground at zero."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A rectangle under one roof, ridge along the first axis or across."""

    plan: Rectangle
    kind: str
    base_m: float
    slope: float
    is_along: bool
    dormers: tuple[Rectangle, ...]
    """West, east, south and north in axes of the ridge."""

    def elevation(self, x: Floats, y: Floats) -> Floats:
        west, south, east, north = self.plan
        a, b = x - (west + east) / 2, y - (south + north) / 2
        length, half = (east - west) / 2, (north - south) / 2
        if not self.is_along:
            a, b, length, half = b, a, half, length
        inward = half - np.abs(b)
        rise = {
            "flat": 0 * a,
            "gabled": self.slope * inward,
            "shed": 0.3 * self.slope * (b + half),
            "hipped": self.slope * np.minimum(inward, length - np.abs(a)),
            "mansard": np.minimum(2.5 * inward, 2.0 + 0.25 * inward),
        }[self.kind]
        level = 2.3 if self.kind == "mansard" else 0.75 * self.slope * half
        for a1, a2, b1, b2 in self.dormers:
            rise = np.where((a > a1) & (a < a2) & (b > b1) & (b < b2), np.maximum(rise, level), rise)
        return np.asarray(self.base_m + rise, dtype=np.float64)


def made_town_building(seed: int, *, density_m2: float = 9.0) -> MadeTownBuilding:
    """One building, everything drawn from the seed.

    Points: 4 cm of noise, stripes of three quarters of the density, boxes on the roof, one in fifty astray downwards,
    and up to a third of the others again on one façade, from half a metre to four above the ground.
    """
    rng = np.random.default_rng([77, seed])
    width, depth = rng.uniform(6, 22), rng.uniform(6, 18)
    plans = _rectangles(rng, width, depth)
    if len(plans) > 3 and rng.random() < 0.5:
        plans.pop(int(rng.integers(len(plans))))
    parts = [_part(rng, plan) for plan in plans]
    joined = shapely.get_parts(shapely.union_all([box(*plan) for plan in plans])).tolist()
    outline: Polygon = max(joined, key=shapely.area)
    n = rng.poisson(density_m2 * (width + 2) * (depth + 2))
    xy = np.column_stack([rng.uniform(-1, width + 1, n), rng.uniform(-1, depth + 1, n)])
    xy = xy[rng.random(n) < np.where(np.sin(1.3 * xy[:, 0] + 0.4 * xy[:, 1]) > 0.3, 1, 0.75)]
    z = np.full(len(xy), np.nan)
    for part in parts:
        west, south, east, north = part.plan + np.array([-0.15, -0.15, 0.15, 0.15])
        on_it = (xy[:, 0] >= west) & (xy[:, 0] <= east) & (xy[:, 1] >= south) & (xy[:, 1] <= north)
        z[on_it] = np.fmax(z[on_it], part.elevation(xy[on_it, 0], xy[on_it, 1]))
    xy, z = xy[~np.isnan(z)], z[~np.isnan(z)]
    z += rng.normal(0, _NOISE_M, len(z))
    for _ in range(rng.poisson(outline.area / 50)):
        middle = xy[rng.integers(len(xy))]
        z[(np.abs(xy - middle) < rng.uniform(0.25, 0.6, 2)).all(axis=1)] += rng.uniform(0.5, 1.3)
    astray = rng.random(len(z)) < 0.02
    z[astray] -= rng.uniform(0, 4, int(astray.sum()))
    wall = _facade(rng, outline, int(density_m2 * outline.area * rng.uniform(0, 0.35)))
    xyz = np.vstack([np.column_stack([xy, z]), wall])
    shift, angle = rng.uniform(-0.25, 0.25, 2), rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    place = np.array([600_000.0, 6_800_000.0])
    footprint = shapely.set_precision(shapely.transform(outline, lambda at: (at + shift) @ turn + place), 0.001)
    xyz[:, :2] = xyz[:, :2] @ turn + place
    inside = shapely.contains_xy(footprint, xyz[:, 0], xyz[:, 1])
    return MadeTownBuilding(footprint=footprint, points=np.asarray(np.round(xyz[inside], 2), dtype=np.float64))


def _rectangles(rng: np.random.Generator, width: float, depth: float, cuts: int = 0) -> list[Rectangle]:
    """A rectangle cut across its longer side, up to three times over."""
    if cuts >= 3 or min(width, depth) < 6 or (cuts > 0 and rng.random() < 0.35):
        return [(0.0, 0.0, width, depth)]
    share = float(rng.uniform(0.35, 0.65))
    if width >= depth:
        first, moved = _rectangles(rng, share * width, depth, cuts + 1), (share * width, 0.0)
        second = _rectangles(rng, (1 - share) * width, depth, cuts + 1)
    else:
        first, moved = _rectangles(rng, width, share * depth, cuts + 1), (0.0, share * depth)
        second = _rectangles(rng, width, (1 - share) * depth, cuts + 1)
    dx, dy = moved
    return [*first, *((west + dx, south + dy, east + dx, north + dy) for west, south, east, north in second)]


def _part(rng: np.random.Generator, plan: Rectangle) -> _Part:
    base = float(rng.uniform(4, 11))
    kind = str(rng.choice(["flat", "gabled", "gabled", "shed", "hipped", "mansard", "gabled"]))
    width, depth = plan[2] - plan[0], plan[3] - plan[1]
    is_along = (width >= depth) != (rng.random() < 0.2)
    length, half = (width / 2, depth / 2) if is_along else (depth / 2, width / 2)
    slope = min(float(rng.uniform(0.4, 1.2)), 5 / half)
    dormers: list[Rectangle] = []
    if kind in {"gabled", "mansard", "hipped"} and rng.random() < 0.6:
        for _ in range(rng.integers(1, 4)):
            wide = float(rng.uniform(1.2, 3.5))
            start = float(rng.uniform(0.5 - length, max(length - wide - 0.5, 0.6 - length)))
            south, north = sorted(float(rng.choice([-1, 1])) * half * np.array([0.25, 0.85]))
            dormers.append((start, start + wide, float(south), float(north)))
    return _Part(plan, kind, base, slope, is_along, tuple(dormers))


def _facade(rng: np.random.Generator, outline: Polygon, n: int) -> Floats:
    """Points (n, 3) on one to three fifths of the outer walls."""
    ring = outline.exterior
    along = (rng.uniform(0, 1) + rng.uniform(0, rng.uniform(0.2, 0.6), n)) % 1.0
    xy = shapely.get_coordinates(shapely.line_interpolate_point(ring, along, normalized=True)).reshape(-1, 2)
    inward = shapely.get_coordinates(outline.centroid)[0] - xy
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    xy = xy + inward * np.abs(rng.normal(0.05, 0.12, n))[:, None]
    return np.column_stack([xy, rng.uniform(0.5, 4, n)])
