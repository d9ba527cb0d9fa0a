"""What else stands in the town: trees, hedges, parked cars, the bridge, and gaps in the survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import STREET_M, Rectangle
from jnt_pipeline.samples.terrain import RIVER_AXIS_V, RIVER_HALF_WIDTH_M
from jnt_pipeline.samples.town import SampleTown

__all__ = ["BRIDGE_CAMBER_M", "BRIDGE_DECK_M", "Scenery", "Trees", "dress"]

BRIDGE_REACH_M = RIVER_HALF_WIDTH_M + 8.0
"""Half length of the bridge: from bank to bank and a little inland, whatever the meander."""
BRIDGE_DECK_M, BRIDGE_CAMBER_M = 2.0, 1.8
"""Deck above the water at its ends, and how much higher it is in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Trees as arrays of one length; the crown is the upper part of an ellipsoid."""

    x: NDArray[np.float64]
    """Trunk, Lambert-93, metres."""
    y: NDArray[np.float64]
    ground_m: NDArray[np.float64]
    """Ground at the trunk, metres NGF-IGN69."""
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


def dress(town: SampleTown) -> Scenery:
    """Plant and furnish the town."""
    return Scenery(trees=_plant(town), hedges=_hedges(town), cars=_cars(town), bridge=_bridge(town), voids=_voids(town))


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


def _hedges(town: SampleTown) -> tuple[Rectangle, ...]:
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


def _cars(town: SampleTown) -> tuple[Rectangle, ...]:
    rng = stream(town.seed, "cars")
    cars: list[Rectangle] = []
    for block in town.layout.blocks:
        r = block.rectangle
        places = np.arange(r.u0 + 4.0, r.u1 - 4.0, 6.0)
        taken = places[rng.random(len(places)) < 0.3].tolist()
        cars.extend(Rectangle(u, u + 4.2, r.v0 - 2.6, r.v0 - 0.8) for u in taken)
    return tuple(cars)


def _plant(town: SampleTown) -> Trees:
    rng = stream(town.seed, "trees")
    extent, terrain = town.extent, town.terrain
    n = round(extent.area_m2 / 45)
    draw = rng.random((6, n))
    x = extent.west + 3 + draw[0] * (extent.east - extent.west - 6)
    y = extent.south + 3 + draw[1] * (extent.north - extent.south - 6)
    u, v = town.layout.frame.to_town(x, y)
    wooded = np.sin(u / 47.0 + terrain.wave_phases[0]) + np.sin(v / 31.0 + terrain.wave_phases[1]) > 0.35
    kinds = _kind_of(town, u, v)
    chance = np.select(
        [kinds == "field", kinds == "open", kinds == "houses", kinds == "rows"],
        [np.where(wooded, 1.0, 0.06), np.where(wooded, 0.9, 0.05), 0.3, 0.06],
        default=0.14,
    )
    along_quay = (v > -66) & (v < -63)
    street = town.layout.in_street(u, v) & ~along_quay
    river = np.abs(terrain.from_axis(u, v)) < RIVER_HALF_WIDTH_M + 3
    dry = ~street & ~river & (draw[2] < np.where(along_quay, 0.7, chance))
    walls = shapely.STRtree([building.footprint.buffer(1.2, join_style="mitre") for building in town.buildings])
    near = np.zeros(n, dtype=bool)
    near[walls.query(shapely.points(x, y), predicate="intersects")[0]] = True
    keep = dry & ~near
    x, y, grown, spread = x[keep], y[keep], draw[3][keep], draw[4][keep]
    wood = np.isin(kinds[keep], ("field", "open")) & wooded[keep]
    height = np.round(np.where(wood, 9 + 9 * grown, 4 + 6 * grown), 2)
    order = np.lexsort((x, y))
    return Trees(
        x=np.round(x, 2)[order],
        y=np.round(y, 2)[order],
        ground_m=np.round(terrain.elevation(np.round(x, 2), np.round(y, 2)), 3)[order],
        height_m=height[order],
        radius_m=np.round(height * (0.22 + 0.13 * spread), 2)[order],
    )


def _kind_of(town: SampleTown, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.str_]:
    """Kind of the block under each point; ``open`` outside the blocks."""
    kinds = np.full(len(u), "open", dtype="U12")
    for block in town.layout.blocks:
        r = block.rectangle
        kinds[(u > r.u0) & (u < r.u1) & (v > r.v0) & (v < r.v1)] = block.kind
    return kinds
