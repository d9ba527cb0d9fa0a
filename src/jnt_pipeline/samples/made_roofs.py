"""Made roofs: buildings of known shape, their points as LiDAR would see them, and the truth to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

__all__ = ["SHAPES", "MadeRoof", "made_roof"]

Floats = NDArray[np.float64]
Surface = Callable[[Floats, Floats], Floats]

_NOISE_M = 0.03
# Vertical noise of LiDAR HD on hard surfaces, one standard deviation.


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRoof:
    """A building (*bâtiment*) whose roof is an exact function of position."""

    shape: str
    footprint: Polygon
    """In the plane of the projection, metres."""
    roof_type: str
    n_faces: int
    ground_elevation_m: float
    points: Floats
    """Shape (n, 3), metres."""
    elevation: Surface
    """Roof surface at eastings and northings, metres."""

    def grid(self, step_m: float = 0.2) -> Floats:
        """Positions (n, 2) every ``step_m`` inside the footprint."""
        west, south, east, north = self.footprint.bounds
        x, y = np.meshgrid(np.arange(west + step_m / 2, east, step_m), np.arange(south + step_m / 2, north, step_m))
        xy = np.column_stack([x.ravel(), y.ravel()])
        shapely.prepare(self.footprint)
        return xy[shapely.contains_xy(self.footprint, xy[:, 0], xy[:, 1])]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A roof in axes of its own, ridge along the first, its eaves at zero."""

    footprint: Polygon
    surface: Surface
    roof_type: str
    n_faces: int
    furniture: tuple[tuple[Polygon, float], ...] = ()
    """Chimneys: their plan, and how far they stand above the roof."""


def _gable(half: float, slope: float, middle: float = 0.0) -> Surface:
    return lambda a, b: slope * (half - np.abs(b - middle))


def _flat(rng: np.random.Generator) -> _Draft:
    return _Draft(box(0, 0, rng.uniform(8, 25), rng.uniform(6, 15)), lambda a, b: 0 * a, "flat", 1)


def _shed(rng: np.random.Generator) -> _Draft:
    slope, width = rng.uniform(0.12, 0.5), rng.uniform(4, 8)
    return _Draft(box(0, 0, rng.uniform(5, 12), width), lambda a, b: slope * b, "shed", 1)


def _gabled(rng: np.random.Generator) -> _Draft:
    half, slope = rng.uniform(3, 6), rng.uniform(0.25, 1.1)
    return _Draft(box(0, -half, rng.uniform(7, 20), half), _gable(half, slope), "gabled", 2)


def _chimneys(rng: np.random.Generator) -> _Draft:
    draft = _gabled(rng)
    _, _, length, half = draft.footprint.bounds
    stacks = []
    for _ in range(rng.integers(1, 4)):
        a, b = rng.uniform(1, length - 2), rng.uniform(-half + 0.5, half - 1.5)
        stacks.append((box(a, b, a + rng.uniform(0.5, 1.0), b + rng.uniform(0.5, 1.0)), rng.uniform(0.6, 1.5)))
    return _Draft(draft.footprint, draft.surface, "gabled", 2, tuple(stacks))


def _hipped(rng: np.random.Generator) -> _Draft:
    half = rng.uniform(3, 6)
    length, slope = half + rng.uniform(1.5, 8), rng.uniform(0.25, 1.0)

    def surface(a: Floats, b: Floats) -> Floats:
        return slope * np.minimum(half - np.abs(b), length - np.abs(a))

    return _Draft(box(-length, -half, length, half), surface, "hipped", 4)


def _pyramid(rng: np.random.Generator) -> _Draft:
    half, slope = rng.uniform(3, 5), rng.uniform(0.3, 0.8)

    def surface(a: Floats, b: Floats) -> Floats:
        return slope * (half - np.maximum(np.abs(a), np.abs(b)))

    return _Draft(box(-half, -half, half, half), surface, "hipped", 4)


def _steps(rng: np.random.Generator) -> _Draft:
    ends = np.cumsum([0.0, *rng.uniform(5, 10, rng.integers(2, 4))])
    levels = np.cumsum(rng.choice([-1, 1], len(ends) - 1) * rng.uniform(1.2, 4, len(ends) - 1))
    levels -= levels.min()  # the lowest at the eaves, however often they go down

    def surface(a: Floats, b: Floats) -> Floats:
        return levels[np.clip(np.searchsorted(ends, a, side="right") - 1, 0, len(levels) - 1)] + 0 * b

    return _Draft(box(0, 0, ends[-1], rng.uniform(6, 14)), surface, "flat", len(levels))


def _lean_to(rng: np.random.Generator) -> _Draft:
    half, slope, length = rng.uniform(3, 5), rng.uniform(0.4, 0.9), rng.uniform(8, 16)
    depth, drop, fall = rng.uniform(2.5, 4), rng.uniform(0.5, 1.5), rng.uniform(0.15, 0.4)

    def surface(a: Floats, b: Floats) -> Floats:
        return np.where(b > half, -drop - fall * (b - half), slope * (half - np.abs(b)))

    return _Draft(box(0, -half, length, half + depth), surface, "complex", 3)


def _wings(rng: np.random.Generator, at_end: bool) -> _Draft:
    """Two gabled wings at right angles, eaves at one level, the second not wider than the first."""
    half, slope = rng.uniform(3.5, 5.5), rng.uniform(0.35, 0.9)
    other, length, reach = half * rng.uniform(0.55, 0.85), rng.uniform(14, 22), rng.uniform(6, 12)
    middle = other if at_end else length / 2

    def surface(a: Floats, b: Floats) -> Floats:
        main = np.where(b <= half, slope * (half - np.abs(b)), -np.inf)
        wing = np.where(b >= 0, slope * (other - np.abs(a - middle)), -np.inf)
        return np.maximum(main, wing)

    west, east, end = middle - other, middle + other, half + reach
    plan = [
        (0, -half),
        (length, -half),
        (length, half),
        (east, half),
        (east, end),
        (west, end),
        (west, half),
        (0, half),
    ]
    return _Draft(Polygon(plan), surface, "complex", 4)


def _dormer(rng: np.random.Generator) -> _Draft:
    half, slope, length = rng.uniform(4.5, 6), rng.uniform(0.7, 1.0), rng.uniform(10, 16)
    wide, start = rng.uniform(3, 4), rng.uniform(0.8, 1.2)
    level = slope * half * rng.uniform(0.7, 0.8)

    def surface(a: Floats, b: Floats) -> Floats:
        roof = slope * (half - np.abs(b))
        box_ = (np.abs(a - length / 2) < wide / 2) & (b < half - start) & (b > 0)
        return np.where(box_, np.maximum(roof, level), roof)

    return _Draft(box(0, -half, length, half), surface, "complex", 3)


SHAPES: dict[str, Callable[[np.random.Generator], _Draft]] = {
    "flat": _flat,
    "shed": _shed,
    "gabled": _gabled,
    "gabled_with_chimneys": _chimneys,
    "hipped": _hipped,
    "pyramid": _pyramid,
    "steps": _steps,
    "lean_to": _lean_to,
    "l_plan": lambda rng: _wings(rng, True),
    "t_plan": lambda rng: _wings(rng, False),
    "dormer": _dormer,
}
"""Shapes by name."""


def made_roof(shape: str, seed: int, *, density_m2: float | None = None) -> MadeRoof:
    """A building of a shape (a key of ``SHAPES``): size, place, turn, density and faults drawn from the seed.

    Points: 8 to 20 per m² unless told, 3 cm of noise, one in 200 astray by up to 3 m, and in one roof of three a strip
    up to 1.5 m wide without points.
    """
    rng = np.random.default_rng([seed, *shape.encode()])
    draft = SHAPES[shape](rng)
    angle, east, north = rng.uniform(0, 2 * math.pi), rng.uniform(4e5, 9e5), rng.uniform(6.2e6, 7e6)
    ground = float(rng.uniform(0, 800))
    eave = ground + float(rng.uniform(5, 9))
    c, s = math.cos(angle), math.sin(angle)

    def place(ab: Floats) -> Floats:
        return np.column_stack([east + ab[:, 0] * c - ab[:, 1] * s, north + ab[:, 0] * s + ab[:, 1] * c])

    def elevation(x: Floats, y: Floats) -> Floats:
        dx, dy = x - east, y - north
        return eave + draft.surface(dx * c + dy * s, dy * c - dx * s)

    west, south, end, top = draft.footprint.bounds
    density = density_m2 or float(rng.uniform(8, 20))
    n = rng.poisson(density * (end - west) * (top - south))
    ab = np.column_stack([rng.uniform(west, end, n), rng.uniform(south, top, n)])
    ab = ab[shapely.contains_xy(draft.footprint, ab[:, 0], ab[:, 1])]
    if rng.random() < 1 / 3:
        strip, wide = rng.uniform(west, end), rng.uniform(0.5, 1.5)
        ab = ab[(ab[:, 0] < strip) | (ab[:, 0] > strip + wide)]
    height = draft.surface(ab[:, 0], ab[:, 1])
    for plan, rise in draft.furniture:
        on_it = shapely.contains_xy(plan, ab[:, 0], ab[:, 1])
        height[on_it] = height[on_it].max(initial=0.0) + rise
    height += rng.normal(0, _NOISE_M, len(ab))
    astray = rng.random(len(ab)) < 0.005
    height[astray] += rng.uniform(-3, 3, int(astray.sum()))
    plan = shapely.transform(draft.footprint, place)
    return MadeRoof(
        shape=shape,
        footprint=shapely.set_precision(plan, 0.001),
        roof_type=draft.roof_type,
        n_faces=draft.n_faces,
        ground_elevation_m=round(ground, 3),
        points=np.asarray(np.round(np.column_stack([place(ab), eave + height]), 2), dtype=np.float64),
        elevation=elevation,
    )
