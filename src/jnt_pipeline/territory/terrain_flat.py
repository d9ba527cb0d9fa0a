"""Terrain with its still water flat (*mise à plat des plans d'eau*)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import label

from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain_confidence import Origin
from jnt_pipeline.territory.terrain_parameters import TerrainParameters
from jnt_pipeline.territory.terrain_water import BANK_M, WaterBody, outlined

__all__ = ["TerrainRasters", "flattened"]

_NORMAL_95 = 1.96
_RANGE_90 = 3.29  # standard deviations of a normal distribution from its 5th to its 95th percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainRasters:
    """The rasters of a cell, all of the shape of its grid, metres."""

    dtm: NDArray[np.float32]
    dsm: NDArray[np.float32]
    dhm: NDArray[np.float32]
    origin: NDArray[np.uint8]
    """``Origin`` of each value of the terrain."""
    confidence: NDArray[np.float32]


def flattened(
    rasters: TerrainRasters, grid: Grid, bodies: Sequence[WaterBody], parameters: TerrainParameters
) -> TerrainRasters:
    """The rasters with the water of each body at its level; nothing else is touched.

    Water pixels of a body take its level, and voids inside an outline of a register; so does water at most ``BANK_M``
    outside of it, where it is measured at most ``water_spread_max_m`` off. The surface takes it where it
    shows the water itself: where it is void, or at most ``water_spread_max_m`` off; boats, trees and bridges stay. The
    confidence there is 1.96 √(σ² + (spread / 3.29)²), with σ = ``ground_sigma_m``.

    Parameters: ``bodies`` that may reach into the grid, in the order of ``water_bodies``; those without a level count
    too, since a pixel belongs to one body.
    """
    level = np.full(grid.shape, np.nan)
    spread = np.zeros(grid.shape)
    for body, pixels, is_sure in _shares(rasters.origin, grid, bodies):
        if not body.level.reason and body.level.level_m is not None:
            near = is_sure | (np.abs(rasters.dtm - body.level.level_m) <= parameters.water_spread_max_m)
            level[pixels & near], spread[pixels & near] = body.level.level_m, body.level.spread_m
    is_flat = ~np.isnan(level)
    shown = is_flat & ~(np.abs(rasters.dsm - level) > parameters.water_spread_max_m)
    own = _NORMAL_95 * np.sqrt(parameters.ground_sigma_m**2 + (spread / _RANGE_90) ** 2)
    dtm = np.where(is_flat, level, rasters.dtm).astype(np.float32)
    dsm = np.where(shown, level, rasters.dsm).astype(np.float32)
    return TerrainRasters(
        dtm=dtm,
        dsm=dsm,
        dhm=np.where(is_flat, dsm - dtm, rasters.dhm),
        origin=np.where(is_flat, np.uint8(Origin.WATER_LEVEL), rasters.origin),
        confidence=np.where(is_flat, own, rasters.confidence).astype(np.float32),
    )


def _shares(
    origin: NDArray[np.uint8], grid: Grid, bodies: Sequence[WaterBody]
) -> list[tuple[WaterBody, NDArray[np.bool_], bool]]:
    """The pixels of each body, as ``water_bodies`` shared them out; then, not surely its own, the water around it."""
    drawn = [body for body in bodies if body.outline.source != "point_clouds"]
    others = [body for body in bodies if body.outline.source == "point_clouds"]
    outlines = [body.outline for body in drawn]
    numbers = outlined(grid, origin, outlines)
    shares = [(body, numbers == number, True) for number, body in enumerate(drawn)]
    left = np.where(numbers < 0, origin, np.uint8(Origin.MEASURED))
    if others:
        owners = _pieces_of(np.isin(left, (Origin.WATER, Origin.BETWEEN_WATER)), grid, others)
        shares += [(body, owners == number, True) for number, body in enumerate(others)]
        left[owners >= 0] = Origin.MEASURED
    around = outlined(grid, left, outlines, within_m=BANK_M)
    return [*shares, *((body, around == number, False) for number, body in enumerate(drawn))]


def _pieces_of(water: NDArray[np.bool_], grid: Grid, bodies: Sequence[WaterBody]) -> NDArray[np.int32]:
    """Number of the body that each water pixel is a piece of, -1 where none: pieces lie whole in one."""
    labels, n = label(water)
    owner = np.full(n + 1, -1, np.int32)
    pieces, places = np.unique(labels, return_index=True)
    row, column = np.divmod(places, water.shape[1])
    firsts = shapely.points(grid.x_centres[column], grid.y_centres[row])
    tree = shapely.STRtree([body.outline.geometry for body in bodies])
    found, number = tree.query(firsts, predicate="within")
    owner[pieces[found]] = number
    owner[0] = -1
    return owner[labels]
