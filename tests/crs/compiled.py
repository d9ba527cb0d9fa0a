"""What tests of compiled transformations share: the same points by PROJ, and points of a whole domain."""

from __future__ import annotations

import numpy as np
import pyproj
from numpy.typing import NDArray

from jnt_pipeline.crs.engines import by_proj
from jnt_pipeline.crs.fast.chain import Chain
from jnt_pipeline.crs.grids import use_grid_folders
from jnt_pipeline.crs.systems import lonlat, system
from jnt_pipeline.crs.transform import Transformation

Array = NDArray[np.float64]

EARTH_M = 6_378_137.0


def chain_in(transformation: Transformation) -> Chain:
    """The chain that a transformation runs."""
    chain = transformation._engine(use_grid_folders()).chain
    assert chain is not None, transformation.engine_reason
    return chain


def proj_alone(transformation: Transformation, points: Array) -> Array:
    """PROJ's result of the same route, without any check; infinite where there is none."""
    return by_proj(transformation._route, points, "", use_grid_folders())


def rectangle_of(transformation: Transformation, n: int, seed: int, *, highest_m: float = 4_900.0) -> Array:
    """Points over the rectangle around the domain, heights from below the sea to the Alps, in the source's units."""
    chain = chain_in(transformation)
    west, south, east, north = chain.cells.bounds
    rng = np.random.default_rng(seed)
    lon, lat, height = rng.uniform(west, east, n), rng.uniform(south, north, n), rng.uniform(-100.0, highest_m, n)
    back = [f"step {'' if s.is_inverse else 'inv '}{s.text}" for s in reversed(chain.first_steps) if s.name != "push"]
    pipeline = " ".join(["proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad", *back])
    columns = pyproj.Transformer.from_pipeline(pipeline).transform(lon, lat, height)
    return np.column_stack(columns)[:, : 3 if transformation.moves_heights else 2]


def is_in_domain(transformation: Transformation, points: Array) -> NDArray[np.bool_]:
    """Which points lie in the domain, by the exact test, point by point."""
    lon, lat = lonlat(system(transformation.source), points)
    inside = np.ones(len(points), dtype=bool)
    for domain in transformation._domains:
        inside &= domain.contains(lon, lat)
    return inside


def metres_apart(transformation: Transformation, got: Array, expected: Array) -> float:
    """Greatest difference of any coordinate, degrees as metres at the equator."""
    difference = np.abs(got - expected)
    if system(transformation.target).is_degrees:
        difference[:, :2] *= np.pi / 180 * EARTH_M
    return float(difference.max())
