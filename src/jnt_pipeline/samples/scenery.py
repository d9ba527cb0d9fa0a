"""What else stands in a place: trees, hedges, parked cars, the bridge, and gaps in the survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.town import SampleTown

__all__ = ["Scenery", "Trees", "hedges_of", "kind_of_block", "near_walls", "parked_cars", "sorted_trees"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Trees as arrays of one length; the crown is the upper part of an ellipsoid."""

    x: NDArray[np.float64]
    """Trunk, in the projection, metres."""
    y: NDArray[np.float64]
    ground_m: NDArray[np.float64]
    """Ground at the trunk, metres."""
    height_m: NDArray[np.float64]
    radius_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenery:
    """All that is neither ground nor building."""

    trees: Trees
    hedges: tuple[Rectangle, ...]
    cars: tuple[Rectangle, ...]
    bridge: Rectangle
    voids: tuple[Rectangle, ...]
    """Where the survey has no point at all."""


def hedges_of(town: SampleTown) -> tuple[Rectangle, ...]:
    """Hedges between and before the gardens of detached houses."""
    rng = stream(town.seed, "hedges")
    hedges = []
    for lot in town.lots:
        if lot.block.kind != "houses":
            continue
        r, chance = lot.rectangle, rng.random(2)
        if chance[0] < 0.5 and r.u1 < lot.block.rectangle.u1:
            hedges.append(Rectangle(r.u1 - 0.4, r.u1 + 0.4, r.v0 + 1.0, r.v1 - 1.0))
        if chance[1] < 0.3:
            street = r.v1 if lot.faces_north else r.v0
            hedges.append(Rectangle(r.u0 + 1.0, r.centre[0] - 2.0, street - 0.4, street + 0.4))
    return tuple(hedges)


def parked_cars(town: SampleTown) -> tuple[Rectangle, ...]:
    """Cars along the streets, at the smaller v of the blocks."""
    rng = stream(town.seed, "cars")
    cars: list[Rectangle] = []
    for block in town.layout.blocks:
        r = block.rectangle
        places = np.arange(r.u0 + 4.0, r.u1 - 4.0, 6.0)
        taken = places[rng.random(len(places)) < 0.3].tolist()
        cars.extend(Rectangle(u, u + 4.2, r.v0 - 2.6, r.v0 - 0.8) for u in taken)
    return tuple(cars)


def near_walls(town: SampleTown, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points lie in a building or within 1.2 m of its walls."""
    walls = shapely.STRtree([building.footprint.buffer(1.2, join_style="mitre") for building in town.buildings])
    near = np.zeros(len(x), dtype=bool)
    near[walls.query(shapely.points(x, y), predicate="intersects")[0]] = True
    return near


def sorted_trees(
    town: SampleTown,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    height_m: NDArray[np.float64],
    radius_m: NDArray[np.float64],
) -> Trees:
    """Trees from south to north, to the centimetre."""
    order = np.lexsort((x, y))
    return Trees(
        x=np.round(x, 2)[order],
        y=np.round(y, 2)[order],
        ground_m=np.round(town.terrain.elevation(np.round(x, 2), np.round(y, 2)), 3)[order],
        height_m=height_m[order],
        radius_m=np.round(radius_m, 2)[order],
    )


def kind_of_block(town: SampleTown, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.str_]:
    """Kind of the block under each point; ``open`` outside the blocks."""
    kinds = np.full(len(u), "open", dtype="U12")
    for block in town.layout.blocks:
        r = block.rectangle
        kinds[(u > r.u0) & (u < r.u1) & (v > r.v0) & (v < r.v1)] = block.kind
    return kinds
