"""The town of the sample: blocks cut into lots, buildings on the lots, and the mistakes the cadastre makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from shapely.geometry import Polygon

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.extent import SEAM_EASTING_M, SampleExtent
from jnt_pipeline.samples.layout import Block, Layout, Lot, Rectangle, lay_out
from jnt_pipeline.samples.roofs import SampleBuilding
from jnt_pipeline.samples.terrain import Terrain

__all__ = ["GRID_SCALE", "SCHOOL_NAME", "SampleTown", "build_town"]

GRID_SCALE = 0.999337
"""Lambert-93 metres per true metre at the site (Proj.get_factors at 1.9162 E, 47.8859 N: 0.99933677)."""
SCHOOL_NAME = "ECOLE ELEMENTAIRE"
SCHOOL_HALF_LENGTH_M, SCHOOL_HALF_WIDTH_M = 15.0, 6.0
"""Of the school, true metres, as its BIM model draws it."""
SCHOOL_EAVE_M, SCHOOL_SLOPE, SCHOOL_OVERHANG_M = 6.95, 0.5, 0.6
SEAM_REACH_M = 14.0
"""Row houses this near to the seam are always built, so that the seam always cuts houses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTown:
    """Everything that stands on the ground, before anyone measures it."""

    seed: int
    layout: Layout
    terrain: Terrain
    lots: tuple[Lot, ...]
    buildings: tuple[SampleBuilding, ...]
    ghosts: tuple[Polygon, ...]
    """Footprints that the cadastre still draws though nothing stands there any more, EPSG:2154."""

    @property
    def extent(self) -> SampleExtent:
        """Where it lies."""
        return self.layout.extent

    @property
    def school(self) -> SampleBuilding:
        """The building that also has a BIM model."""
        return next(building for building in self.buildings if building.name == SCHOOL_NAME)

    @property
    def crossing_seam(self) -> tuple[SampleBuilding, ...]:
        """The buildings whose footprint lies on both sides of the tiles' seam."""

        def crosses(building: SampleBuilding) -> bool:
            west, _, east, _ = building.footprint.bounds
            return bool(west < SEAM_EASTING_M < east)

        return tuple(building for building in self.buildings if crosses(building))

    def named(self, name: str) -> SampleBuilding:
        """The building of that name."""
        return next(building for building in self.buildings if building.name == name)


class _Builder:
    """Gathers lots and buildings block by block."""

    def __init__(self, layout: Layout, terrain: Terrain):
        self.layout, self.terrain = layout, terrain
        self.lots: list[Lot] = []
        self.buildings: list[SampleBuilding] = []
        self.vacant: list[Rectangle] = []

    def ground(self, u: float, v: float) -> float:
        """Ground elevation at a point in town axes."""
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

    def _split(self, block: Block, rng: np.random.Generator, narrow: float, wide: float) -> Iterator[Lot]:
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

    def _rows(self, block: Block, rng: np.random.Generator) -> None:
        """Terraced houses: party walls, ridges along the street, sheds at the back."""
        for lot in self._split(block, rng, 6.5, 10.5):
            r, (depth, storeys, pitch, gap, shed, jitter) = lot.rectangle, rng.random(6)
            on_seam = block.column == 0 and abs(r.centre[0]) < SEAM_REACH_M
            if gap < 0.09 and not on_seam:
                self.vacant.append(r)
                continue
            width = round(10 + 2.5 * depth, 2)
            u, v = r.centre[0], r.v1 - width / 2 if lot.faces_north else r.v0 + width / 2
            ends = (0.3 if r.u0 == block.rectangle.u0 else 0.0, 0.3 if r.u1 == block.rectangle.u1 else 0.0)
            self.add(
                u,
                v,
                r.u1 - r.u0,
                width,
                3.0 * (2 if storeys < 0.6 else 3) + round(0.8 * jitter, 2),
                roof="gabled",
                slope=round(0.65 + 0.3 * pitch, 3),
                overhang_ends_m=ends,
                overhang_sides_m=0.4,
            )
            if shed < 0.22:
                back = r.v0 + 2.2 if lot.faces_north else r.v1 - 2.2
                self.add(u + 0.5, back, 4.0, 3.0, 2.4, roof="flat", is_light=True)

    def _houses(self, block: Block, rng: np.random.Generator) -> None:
        """Detached houses in gardens: hipped or gabled roofs with wide eaves; some flat-roofed garages."""
        for lot in self._split(block, rng, 14.5, 18.5):
            r, (size, turn, pitch, gap, kind, garage, jitter) = lot.rectangle, rng.random(7)
            if gap < 0.1:
                self.vacant.append(r)
                continue
            length, width = round(9.5 + 2.5 * size, 2), round(7.6 + 1.2 * size, 2)
            offset = 6.0 + width / 2
            u, v = r.centre[0], r.v1 - offset if lot.faces_north else r.v0 + offset
            attached = garage < 0.35 and length < 10.6
            side = 0.0 if attached else 0.5
            self.add(
                u - (1.4 if attached else 0.0),
                v,
                length,
                width,
                2.9 + (2.6 if jitter < 0.35 else 0.2),
                roof="gabled" if attached or kind < 0.5 else "hipped",
                slope=round(0.5 + 0.35 * pitch, 3),
                turn_deg=0.0 if attached else round(10 * turn - 5, 2),
                overhang_ends_m=(0.5, side),
                overhang_sides_m=0.5,
            )
            if attached:
                self.add(u - 1.4 + length / 2 + 1.5, v, 3.0, 6.0, 2.6, roof="flat")

    def _courtyard(self, block: Block, rng: np.random.Generator) -> None:
        """A former hospital round its courtyard; the seam of the tiles runs through it."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))
        u, v = block.rectangle.centre
        self.add(
            u,
            v,
            46.0 + round(4 * rng.random(), 1),
            34.0,
            8.4,
            roof="ring",
            slope=0.7,
            name="HOTEL-DIEU",
            overhang_ends_m=(0.45, 0.45),
            overhang_sides_m=0.45,
        )
        ring = self.buildings[-1]
        self.buildings[-1] = replace(
            ring, court_half_length_m=ring.half_length_m - 9.0, court_half_width_m=ring.half_width_m - 9.0
        )

    def _school(self, block: Block, rng: np.random.Generator) -> None:
        """The school of the BIM model, turned away from the streets, and a covered playground (*préau*)."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))
        u, v = block.rectangle.centre
        self.add(
            u,
            v + 5.0,
            2 * SCHOOL_HALF_LENGTH_M * GRID_SCALE,
            2 * SCHOOL_HALF_WIDTH_M * GRID_SCALE,
            round(0.15 + SCHOOL_EAVE_M * GRID_SCALE, 3),
            roof="gabled",
            slope=SCHOOL_SLOPE,
            name=SCHOOL_NAME,
            turn_deg=round(6 + 5 * rng.random(), 2),
            overhang_ends_m=(SCHOOL_OVERHANG_M * GRID_SCALE,) * 2,
            overhang_sides_m=SCHOOL_OVERHANG_M * GRID_SCALE,
        )
        self.add(u - 8, v - 16.0, 12.0, 5.0, 3.1, roof="flat", is_light=True, name="PREAU")

    def _townhall(self, block: Block, rng: np.random.Generator) -> None:
        """The town hall, across the line between two parcels."""
        r, (u, v) = block.rectangle, block.rectangle.centre
        line = round(u + 2 + 2 * rng.random(), 2)
        self.lots.append(Lot(block=block, rectangle=Rectangle(r.u0, line, r.v0, r.v1)))
        self.lots.append(Lot(block=block, rectangle=Rectangle(line, r.u1, r.v0, r.v1)))
        self.add(
            u,
            v + 10,
            26.0,
            13.0,
            9.6,
            roof="hipped",
            slope=0.8,
            name="MAIRIE",
            overhang_ends_m=(0.5, 0.5),
            overhang_sides_m=0.5,
        )
        self.add(u - 22, v - 14, 3.0, 3.0, 2.7, roof="flat", point_class=67, registration="missing", name="KIOSQUE")

    def _flats(self, block: Block, rng: np.random.Generator) -> None:
        """Two blocks of flats under flat roofs, and a row of light garages."""
        r, (u, v) = block.rectangle, block.rectangle.centre
        self.lots.append(Lot(block=block, rectangle=Rectangle(r.u0, round(u, 2), r.v0, r.v1)))
        self.lots.append(Lot(block=block, rectangle=Rectangle(round(u, 2), r.u1, r.v0, r.v1)))
        for side in (-1, 1):
            self.add(
                u + side * (r.u1 - r.u0) / 4,
                v + 4,
                34.0,
                12.0,
                12.2 + round(3 * rng.random(), 2),
                roof="flat",
                turn_deg=90.0,
            )
        self.add(u - (r.u1 - r.u0) / 4, r.v0 + 4, 18.0, 5.5, 2.5, roof="flat", is_light=True)

    def _market(self, block: Block, rng: np.random.Generator) -> None:
        """A market hall open on its sides, and a greenhouse of class 67 (*divers bâtis*)."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))
        u, v = block.rectangle.centre
        self.add(
            u - 8,
            v,
            30.0,
            15.0,
            4.6,
            roof="gabled",
            slope=0.6,
            name="HALLE",
            is_light=True,
            overhang_ends_m=(0.7, 0.7),
            overhang_sides_m=0.7,
        )
        self.add(u + 18, v + 6, 16.0, 7.0, 2.8, roof="gabled", slope=0.35, point_class=67, is_light=True, turn_deg=90.0)
        self.add(u + 18, v - 15, 4.0, 1.8, 2.4, roof="flat", point_class=67, registration="missing", name="ABRIBUS")

    def _field(self, block: Block, rng: np.random.Generator) -> None:
        """A meadow or a wood: one parcel, nothing built."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))


def _misregister(builder: _Builder) -> tuple[SampleBuilding, ...]:
    """Two detached houses that the cadastre ignores, and two that it draws 1.5 m away."""
    houses = [
        i
        for i, building in enumerate(builder.buildings)
        if building.roof in {"gabled", "hipped"} and not building.name and building.overhang_ends_m == (0.5, 0.5)
    ]
    rng = stream(builder.layout.seed, "mistakes")
    order = [houses[i] for i in np.argsort(rng.random(len(houses)), kind="stable")]
    buildings = list(builder.buildings)
    for i, registration in zip(order[:4], ("missing", "missing", "shifted", "shifted"), strict=True):
        buildings[i] = replace(buildings[i], registration=registration)
    return tuple(buildings)


def build_town(seed: int, extent: SampleExtent) -> SampleTown:
    """The town of a seed: same seed and extent, same town to the last bit."""
    layout = lay_out(seed, extent)
    terrain = Terrain.of(layout)
    builder = _Builder(layout, terrain)
    for block in layout.blocks:
        builder.build(block)
    townhall = builder.block_centre("townhall")
    vacant = builder.vacant[0].centre if builder.vacant else (townhall[0] + 8, townhall[1] - 14)
    ghosts = tuple(
        Polygon(layout.frame.to_world(Rectangle(u - 2.6, u + 2.6, v - 4.0, v + 4.0).corners))
        for u, v in ((townhall[0] + 20, townhall[1] - 14), vacant)
    )
    return SampleTown(
        seed=seed,
        layout=layout,
        terrain=terrain,
        lots=tuple(builder.lots),
        buildings=_misregister(builder),
        ghosts=ghosts,
    )
