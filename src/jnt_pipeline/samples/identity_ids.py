"""Measures how many ids made from the place change when one plan is written twice (*stabilité des identifiants*)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transform_geometries, transformation
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.registers import RegisterTown
from jnt_pipeline.sources.footprint_ids import footprint_ids

__all__ = ["WRITTEN_TWICE", "changed_ids"]

_LONLAT, _LAMBERT, _CC46, _UTM = (Reference(horizontal=f"EPSG:{code}") for code in (4326, 2154, 3946, 25831))

WRITTEN_TWICE = (
    "in centimetres (EDIGÉO); the same in 1e-7° (Etalab)",
    "in centimetres; saved in CC46 to the millimetre and back",
    "in 1e-7°; saved in Lambert-93 to the millimetre and read there",
    "in 1e-7°; saved in UTM to the millimetre and back",
    "on no grid; each vertex moved by up to 0.1 mm",
    "on no grid; each vertex moved by up to 1 mm",
)
"""Ways in which one plan comes twice: ``changed_ids`` gives, for each, how many buildings get another derived id."""

Shapes = NDArray[np.object_]


def changed_ids(town: RegisterTown, seed: int) -> tuple[int, list[int]]:
    """Footprints of a town, and how many get another derived id in each of the ``WRITTEN_TWICE``.

    The town is turned and moved, so that no vertex lies on a grid before the plan is written.
    """
    chance = stream(seed, "grain").random(3)
    turn = np.array([[np.cos(chance[0]), -np.sin(chance[0])], [np.sin(chance[0]), np.cos(chance[0])]])
    shapes = town.layers["footprints"].geometry.to_numpy()
    exact = _each(shapes, lambda xy: (xy - (7e5, 6.6e6)) @ turn + 1000 * chance[1:] + (7e5, 6.6e6))
    plan, web = _rounded(exact, 2), _rounded(_brought(exact, _LAMBERT, _LONLAT), 7)
    in_lambert = _rounded(_brought(web, _LONLAT, _LAMBERT), 3)
    pairs = (
        ((plan, _LAMBERT), (_rounded(_brought(plan, _LAMBERT, _LONLAT), 7), _LONLAT)),
        ((plan, _LAMBERT), (_brought(_rounded(_brought(plan, _LAMBERT, _CC46), 3), _CC46, _LAMBERT), _LAMBERT)),
        ((web, _LONLAT), (in_lambert, _LAMBERT)),
        ((web, _LONLAT), (_brought(_rounded(_brought(web, _LONLAT, _UTM), 3), _UTM, _LONLAT), _LONLAT)),
        ((exact, _LAMBERT), (_trembling(exact, 1e-4), _LAMBERT)),
        ((exact, _LAMBERT), (_trembling(exact, 1e-3), _LAMBERT)),
    )
    return len(exact), [int((_named(*first) != _named(*second)).sum()) for first, second in pairs]


def _named(shapes: Shapes, reference: Reference) -> NDArray[np.object_]:
    return footprint_ids(np.full(len(shapes), "99001", dtype=object), shapes, reference=reference)


def _each(shapes: Shapes, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Shapes:
    return np.asarray(shapely.transform(shapes, change), dtype=object)


def _rounded(shapes: Shapes, decimals: int) -> Shapes:
    return _each(shapes, lambda xy: xy.round(decimals))


def _brought(shapes: Shapes, source: Reference, target: Reference) -> Shapes:
    return transform_geometries(shapes, transformation(source, target))


def _trembling(shapes: Shapes, by_m: float) -> Shapes:
    """A vertex that two outlines share moves alike in both."""
    return _each(shapes, lambda xy: xy + by_m * np.sin(xy @ [[9173.7, 313.7], [511.3, 7919.1]]))
