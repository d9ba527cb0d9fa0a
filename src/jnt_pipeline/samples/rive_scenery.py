"""What else stands in the riverside town: trees of the quay, gardens and woods, hedges, cars, the bridge."""

from __future__ import annotations

import numpy as np

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.rive_layout import STREET_M, in_street
from jnt_pipeline.samples.rive_town import river_of
from jnt_pipeline.samples.scenery import (
    Scenery,
    Trees,
    hedges_of,
    kind_of_block,
    near_walls,
    parked_cars,
    sorted_trees,
)
from jnt_pipeline.samples.terrain import BRIDGE_REACH_M, RIVER_AXIS_V, RIVER_HALF_WIDTH_M
from jnt_pipeline.samples.town import SampleTown

__all__ = ["dress_rive"]


def dress_rive(town: SampleTown) -> Scenery:
    """Plant and furnish the town."""
    return Scenery(
        trees=_plant(town), hedges=hedges_of(town), cars=parked_cars(town), bridge=_bridge(town), voids=_voids(town)
    )


def _bridge(town: SampleTown) -> Rectangle:
    columns = town.layout.columns
    east_edge = columns[len(columns) // 2 + 1][1]
    u = east_edge + STREET_M / 2
    return Rectangle(u - 4.0, u + 4.0, RIVER_AXIS_V - BRIDGE_REACH_M, RIVER_AXIS_V + BRIDGE_REACH_M)


def _voids(town: SampleTown) -> tuple[Rectangle, ...]:
    """One gap in the courtyard block's garden, and a larger one on the quay."""
    court = next(block.rectangle for block in town.layout.blocks if block.kind == "courtyard")
    u, v = court.u0 + 5.0, court.v0 + 4.0
    return (Rectangle(u - 4.0, u + 4.0, v - 2.5, v + 2.5), Rectangle(-150.0, -138.0, -73.0, -65.0))


def _plant(town: SampleTown) -> Trees:
    rng = stream(town.seed, "trees")
    extent, terrain = town.extent, river_of(town)
    n = round(extent.area_m2 / 45)
    draw = rng.random((6, n))
    x = extent.west + 3 + draw[0] * (extent.east - extent.west - 6)
    y = extent.south + 3 + draw[1] * (extent.north - extent.south - 6)
    u, v = town.layout.frame.to_town(x, y)
    wooded = np.sin(u / 47.0 + terrain.wave_phases[0]) + np.sin(v / 31.0 + terrain.wave_phases[1]) > 0.35
    kinds = kind_of_block(town, u, v)
    chance = np.select(
        [kinds == "field", kinds == "open", kinds == "houses", kinds == "rows"],
        [np.where(wooded, 1.0, 0.06), np.where(wooded, 0.9, 0.05), 0.3, 0.06],
        default=0.14,
    )
    along_quay = (v > -66) & (v < -63)
    street = in_street(town.layout, u, v) & ~along_quay
    river = np.abs(terrain.from_axis(u, v)) < RIVER_HALF_WIDTH_M + 3
    dry = ~street & ~river & (draw[2] < np.where(along_quay, 0.7, chance))
    keep = dry & ~near_walls(town, x, y)
    x, y, grown, spread = x[keep], y[keep], draw[3][keep], draw[4][keep]
    wood = np.isin(kinds[keep], ("field", "open")) & wooded[keep]
    height = np.round(np.where(wood, 9 + 9 * grown, 4 + 6 * grown), 2)
    return sorted_trees(town, x, y, height, height * (0.22 + 0.13 * spread))
