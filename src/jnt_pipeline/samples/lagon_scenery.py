"""What else stands in the coastal village: filaos behind the beach, palms, a thicket in the ravine, the bridge."""

from __future__ import annotations

import numpy as np

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.coast import BRIDGE_HALF_M
from jnt_pipeline.samples.coast_layout import RAVINE_U, ROAD_V, is_along_street
from jnt_pipeline.samples.lagon_town import coast_of
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.scenery import (
    Scenery,
    Trees,
    hedges_of,
    kind_of_block,
    near_walls,
    parked_cars,
    sorted_trees,
)
from jnt_pipeline.samples.town import SampleTown

__all__ = ["dress_lagon"]

FILAOS_S = (19.0, 33.0)
"""The belt of filaos (*Casuarina equisetifolia*) on the berm, metres from the coastline."""


def dress_lagon(town: SampleTown) -> Scenery:
    """Plant and furnish the village."""
    return Scenery(
        trees=_plant(town), hedges=hedges_of(town), cars=parked_cars(town), bridge=_bridge(), voids=_voids(town)
    )


def _bridge() -> Rectangle:
    return Rectangle(RAVINE_U - BRIDGE_HALF_M, RAVINE_U + BRIDGE_HALF_M, ROAD_V[0] + 1.0, ROAD_V[1] - 1.0)


def _voids(town: SampleTown) -> tuple[Rectangle, ...]:
    """One gap in the yard of the cyclone shelter, and a larger one on the berm."""
    yard = next(block.rectangle for block in town.layout.blocks if block.kind == "shelter")
    u, v = yard.u0 + 6.0, yard.v0 + 4.0
    return (Rectangle(u - 4.0, u + 4.0, v - 2.5, v + 2.5), Rectangle(-64.0, -52.0, -74.0, -66.0))


def _plant(town: SampleTown) -> Trees:
    rng = stream(town.seed, "trees")
    extent, coast = town.extent, coast_of(town)
    n = round(extent.area_m2 / 45)
    draw = rng.random((6, n))
    x = extent.west + 3 + draw[0] * (extent.east - extent.west - 6)
    y = extent.south + 3 + draw[1] * (extent.north - extent.south - 6)
    u, v = town.layout.frame.to_town(x, y)
    s, across = v - coast.shore(u), coast.from_ravine(u, v)
    kinds = kind_of_block(town, u, v)
    filao = (s > FILAOS_S[0]) & (s < FILAOS_S[1])
    thicket = (across > 4.0) & (across < 13.0) & (s > 45.0)
    scattered = np.sin(u / 53.0 + coast.bay_phase) + np.sin(v / 37.0 + coast.hummock_phase) > 0.9
    chance = np.select(
        [filao, thicket, kinds == "field", kinds == "open", kinds == "houses", kinds == "cases"],
        [0.75, 0.6, np.where(scattered, 0.5, 0.05), np.where(scattered, 0.3, 0.02), 0.3, 0.2],
        default=0.12,
    )
    # Nothing grows on the sand, in the bed of the ravine, in a street or so near to the bridge that it hides it.
    bare = (s < FILAOS_S[0]) | (across < 3.0) | is_along_street(town.layout, u, v)
    bare |= (np.abs(u - RAVINE_U) < BRIDGE_HALF_M + 4) & (v > ROAD_V[0] - 4) & (v < ROAD_V[1] + 4)
    keep = ~bare & (draw[2] < chance) & ~near_walls(town, x, y)
    x, y, grown, spread, palm = x[keep], y[keep], draw[3][keep], draw[4][keep], draw[5][keep] < 0.45
    garden = np.isin(kinds[keep], ("houses", "cases", "centre", "shelter", "flats", "market"))
    height = np.select(
        [filao[keep], thicket[keep], garden & palm, garden],
        [11 + 8 * grown, 4 + 5 * grown, 7 + 5 * grown, 4 + 4 * grown],
        default=3 + 3 * grown,
    )
    share = np.select([filao[keep], garden & palm], [0.12 + 0.05 * spread, 0.17 + 0.05 * spread], default=0.25)
    height = np.round(height, 2)
    return sorted_trees(town, x, y, height, height * (share + 0.08 * spread))
