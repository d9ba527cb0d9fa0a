"""The riverside town: what is built on its blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from shapely.geometry import box

from jnt_pipeline.samples.builder import Builder
from jnt_pipeline.samples.cadastre import BEYOND_M
from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.layout import Block, Lot, Rectangle
from jnt_pipeline.samples.rive_layout import lay_out, row_zero
from jnt_pipeline.samples.sites import RIVE
from jnt_pipeline.samples.terrain import Terrain
from jnt_pipeline.samples.town import SampleTown, Zoning

__all__ = ["SCHOOL_NAME", "build_rive", "river_of"]

SCHOOL_NAME = "ECOLE ELEMENTAIRE"
SCHOOL_HALF_LENGTH_M, SCHOOL_HALF_WIDTH_M = 15.0, 6.0
"""Of the school, true metres, as its BIM model draws it."""
SCHOOL_EAVE_M, SCHOOL_SLOPE, SCHOOL_OVERHANG_M = 6.95, 0.5, 0.6
SEAM_REACH_M = 14.0
"""Row houses this near to the seam are always built, so that the seam always cuts houses."""
ROWS_PER_SECTION = 6
NORTH_CODES = ("C", *(f"{a}{b}" for a in "DE" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
SOUTH_CODES = ("B", *(f"{a}{b}" for a in "FG" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
RIVERSIDE_V = -78.0
"""The river belongs to the section south of it."""


def _section(row: int) -> str:
    """Section of a row of blocks: AB by the river, AC the centre, one-letter C and B beyond (padded with 0)."""
    if row == 0:
        return "AB"
    if row in {1, 2}:
        return "AC"
    codes, far = (NORTH_CODES, row - 3) if row > 0 else (SOUTH_CODES, -1 - row)
    return codes[far // ROWS_PER_SECTION].rjust(2, "0")


class _RiveBuilder(Builder):
    """Terraced and detached houses, a hospital, a school, a town hall, flats, a market."""

    def _rows(self, block: Block, rng: np.random.Generator) -> None:
        """Terraced houses: party walls, ridges along the street, sheds at the back."""
        for lot in self.split(block, rng, 6.5, 10.5):
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
        for lot in self.split(block, rng, 14.5, 18.5):
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
            2 * SCHOOL_HALF_LENGTH_M * RIVE.grid_scale,
            2 * SCHOOL_HALF_WIDTH_M * RIVE.grid_scale,
            round(0.15 + SCHOOL_EAVE_M * RIVE.grid_scale, 3),
            roof="gabled",
            slope=SCHOOL_SLOPE,
            name=SCHOOL_NAME,
            turn_deg=round(6 + 5 * rng.random(), 2),
            overhang_ends_m=(SCHOOL_OVERHANG_M * RIVE.grid_scale,) * 2,
            overhang_sides_m=SCHOOL_OVERHANG_M * RIVE.grid_scale,
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


def build_rive(seed: int, extent: SampleExtent) -> SampleTown:
    """The town of a seed: same seed and extent, same town to the last bit."""
    layout = lay_out(seed, extent)
    terrain = Terrain.of(layout)
    builder = _RiveBuilder(layout, terrain)
    for block in layout.blocks:
        builder.build(block)
    townhall = builder.block_centre("townhall")
    vacant = builder.vacant[0].centre if builder.vacant else (townhall[0] + 8, townhall[1] - 14)
    return SampleTown(
        site=RIVE,
        seed=seed,
        layout=layout,
        terrain=terrain,
        lots=tuple(builder.lots),
        buildings=builder.misregistered(),
        ghosts=(builder.ghost(townhall[0] + 20, townhall[1] - 14), builder.ghost(*vacant)),
        modelled_name=SCHOOL_NAME,
        zoning=Zoning(
            commune=box(*extent.bounds).buffer(BEYOND_M, join_style="mitre"),
            section_of=_section,
            row_zero=row_zero(layout),
            waterside_v=RIVERSIDE_V,
        ),
    )


def river_of(town: SampleTown) -> Terrain:
    """The terrain of a riverside town, with its river."""
    if not isinstance(town.terrain, Terrain):
        raise TypeError(f"{town.site.place} has no river")
    return town.terrain
