"""What else stands in the village: lime trees on the square, fruit trees, willows along the brook, the bridge."""

from __future__ import annotations

import numpy as np

from jnt_pipeline.samples.bourg_hill import BRIDGE_HALF_M
from jnt_pipeline.samples.bourg_layout import BRIDGE_U, BROOK_V, is_along_street
from jnt_pipeline.samples.chance import stream
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

__all__ = ["dress_village"]


def dress_village(town: SampleTown) -> Scenery:
    """Plant and furnish the village."""
    bridge = Rectangle(BRIDGE_U - 1.8, BRIDGE_U + 1.8, BROOK_V - BRIDGE_HALF_M, BROOK_V + BRIDGE_HALF_M)
    return Scenery(trees=_plant(town), hedges=hedges_of(town), cars=parked_cars(town), bridge=bridge, voids=())


def _plant(town: SampleTown) -> Trees:
    rng = stream(town.seed, "trees")
    extent = town.extent
    draw = rng.random((5, round(extent.area_m2 / 90)))
    x = extent.west + 3 + draw[0] * (extent.east - extent.west - 6)
    y = extent.south + 3 + draw[1] * (extent.north - extent.south - 6)
    u, v = town.layout.frame.to_town(x, y)
    kinds, off = kind_of_block(town, u, v), np.abs(v - BROOK_V)
    willow = (off > 3.0) & (off < 9.0)
    chance = np.select(
        [willow, kinds == "houses", kinds == "farms", kinds == "centre", kinds == "vines", kinds == "meadow"],
        [0.7, 0.25, 0.12, 0.35, 0.0, 0.03],
        default=0.1,
    )
    keep = (draw[2] < chance) & (off > 3.0) & ~is_along_street(town.layout, u, v) & ~near_walls(town, x, y)
    x, y, grown, spread, by_water = x[keep], y[keep], draw[3][keep], draw[4][keep], willow[keep]
    height = np.round(np.where(by_water, 8 + 6 * grown, 4 + 5 * grown), 2)
    return sorted_trees(town, x, y, height, height * (0.22 + 0.1 * spread))
