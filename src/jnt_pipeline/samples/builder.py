"""Builder: blocks cut into lots, buildings put on the lots, and the mistakes the cadastre makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from shapely.geometry import Polygon

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.landscape import Landscape
from jnt_pipeline.samples.layout import Block, Layout, Lot, Rectangle
from jnt_pipeline.samples.roofs import SampleBuilding

__all__ = ["Builder"]


class Builder:
    """Gathers lots and buildings block by block; a place derives its own, with a method ``_kind`` per kind of block."""

    def __init__(self, layout: Layout, terrain: Landscape):
        self.layout, self.terrain = layout, terrain
        self.lots: list[Lot] = []
        self.buildings: list[SampleBuilding] = []
        self.vacant: list[Rectangle] = []

    def ground(self, u: float, v: float) -> float:
        """Ground elevation at a point in own axes."""
        x, y = self.layout.frame.to_world(np.array([(u, v)]))[0]
        return float(self.terrain.elevation(np.array([x]), np.array([y]))[0])

    def add(self, u: float, v: float, length: float, width: float, eave_height: float, **traits: Any) -> None:
        """One building by its middle, outer sizes (rounded to the centimetre) and height of its eaves."""
        self.buildings.append(
            SampleBuilding(
                building_id=f"B{len(self.buildings) + 1:04d}",
                frame=self.layout.frame,
                centre=(round(u, 3), round(v, 3)),
                half_length_m=round(length / 2, 4),
                half_width_m=round(width / 2, 4),
                eave_elevation_m=round(self.ground(u, v) + eave_height, 3),
                **traits,
            )
        )

    def block_centre(self, kind: str) -> tuple[float, float]:
        """Middle (u, v) of the first block of a kind."""
        return next(block.rectangle.centre for block in self.layout.blocks if block.kind == kind)

    def build(self, block: Block) -> None:
        """Cut a block into lots and build on them."""
        getattr(self, f"_{block.kind}")(
            block, stream(self.layout.seed, block.kind, block.row + 1000, block.column + 1000)
        )

    def split(self, block: Block, rng: np.random.Generator, narrow: float, wide: float) -> Iterator[Lot]:
        """Cut a block into lots ``narrow`` to ``wide`` metres wide, back to back where it is deep enough."""
        r = block.rectangle
        deep = r.v1 - r.v0 > 30
        middle = round((r.v0 + r.v1) / 2, 2) if deep else r.v1
        for faces_north, v0, v1 in ((False, r.v0, middle), (True, middle, r.v1))[: 2 if deep else 1]:
            edges = [r.u0]
            while r.u1 - edges[-1] > wide + narrow:
                edges.append(round(edges[-1] + narrow + (wide - narrow) * rng.random(), 2))
            edges.append(r.u1)
            for u0, u1 in pairwise(edges):
                lot = Lot(block=block, rectangle=Rectangle(u0, u1, v0, v1), faces_north=faces_north)
                self.lots.append(lot)
                yield lot

    def ghost(self, u: float, v: float) -> Polygon:
        """The footprint of a house that stands no more."""
        return Polygon(self.layout.frame.to_world(Rectangle(u - 2.6, u + 2.6, v - 4.0, v + 4.0).corners))

    def misregistered(self) -> tuple[SampleBuilding, ...]:
        """The buildings; two detached houses are ones that the cadastre ignores, two that it draws 1.5 m away."""
        houses = [
            i
            for i, building in enumerate(self.buildings)
            if building.roof in {"gabled", "hipped"} and not building.name and building.overhang_ends_m == (0.5, 0.5)
        ]
        rng = stream(self.layout.seed, "mistakes")
        order = [houses[i] for i in np.argsort(rng.random(len(houses)), kind="stable")]
        buildings = list(self.buildings)
        for i, registration in zip(order[:4], ("missing", "missing", "shifted", "shifted"), strict=True):
            buildings[i] = replace(buildings[i], registration=registration)
        return tuple(buildings)
