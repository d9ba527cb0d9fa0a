"""The coastal village: villas, Creole houses, small blocks of flats, a market and a cyclone shelter."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon, box

from jnt_pipeline.samples.builder import Builder
from jnt_pipeline.samples.cadastre import BEYOND_M
from jnt_pipeline.samples.coast import Coast
from jnt_pipeline.samples.coast_layout import lay_out_coast
from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.layout import Block, Lot, Rectangle
from jnt_pipeline.samples.sites import LAGON
from jnt_pipeline.samples.town import SampleTown, Zoning

__all__ = ["SHELTER_NAME", "build_lagon", "coast_of"]

SHELTER_NAME = "ABRI CYCLONIQUE"
SHELTER_HALF_LENGTH_M, SHELTER_HALF_WIDTH_M, SHELTER_EAVE_M = 12.0, 7.0, 7.0
"""Of the shelter, true metres, as its BIM model draws it: the flat roof above the ground floor."""
VARANGUE_M = 2.5
"""Depth of a veranda (*varangue*), and its height."""
ROWS_PER_SECTION = 6
UPPER_CODES = tuple(f"{a}{b}" for a in "AB" for b in "DEFGHIJKLMNOPQRSTUVWXYZ")


def _section(row: int) -> str:
    """Section of a row of blocks: AB behind the beach, AC the village, AD and on up the slope."""
    if row == 0:
        return "AB"
    return "AC" if row in {1, 2} else UPPER_CODES[(row - 3) // ROWS_PER_SECTION]


class _LagonBuilder(Builder):
    """What is built on the blocks of the village."""

    def _houses(self, block: Block, rng: np.random.Generator) -> None:
        """Villas: hipped, gabled or flat roofs; some turn a gable and a veranda to the sea."""
        for lot in self.split(block, rng, 15.0, 20.0):
            r, (size, turn, pitch, gap, kind, veranda, jitter) = lot.rectangle, rng.random(7)
            if gap < 0.1:
                self.vacant.append(r)
                continue
            length, width = round(10.0 + 2.0 * size, 2), round(8.0 + 1.0 * size, 2)
            offset = 5.5 + width / 2
            u, v = r.centre[0], r.v1 - offset if lot.faces_north else r.v0 + offset
            height = 2.9 + (2.7 if jitter < 0.25 else 0.2)
            if kind > 0.72:
                self.add(u, v, length, width, height + 0.4, roof="flat", turn_deg=round(8 * turn - 4, 2))
            elif veranda < 0.3:
                v += 0.0 if lot.faces_north else 1.5
                self.add(
                    u,
                    v,
                    length,
                    width,
                    height + 0.6,
                    roof="hipped" if kind < 0.4 else "gabled",
                    slope=round(0.4 + 0.2 * pitch, 3),
                    turn_deg=-90.0,
                    overhang_ends_m=(0.5, 0.0),
                    overhang_sides_m=0.5,
                )
                self.add(u, v - (length + VARANGUE_M) / 2, width, VARANGUE_M, VARANGUE_M, roof="flat", is_light=True)
            else:
                self.add(
                    u,
                    v,
                    length,
                    width,
                    height,
                    roof="hipped" if kind < 0.45 else "gabled",
                    slope=round(0.4 + 0.25 * pitch, 3),
                    turn_deg=round(8 * turn - 4, 2),
                    overhang_ends_m=(0.5, 0.5),
                    overhang_sides_m=0.5,
                )

    def _cases(self, block: Block, rng: np.random.Generator) -> None:
        """Creole houses (*cases*), small, under roofs of four or two panes; sheds of corrugated iron behind."""
        for lot in self.split(block, rng, 11.0, 14.0):
            r, (size, turn, pitch, gap, kind, shed) = lot.rectangle, rng.random(6)
            if gap < 0.08:
                self.vacant.append(r)
                continue
            length, width = round(6.8 + 1.8 * size, 2), round(5.8 + 0.8 * size, 2)
            u, v = r.centre[0], r.v1 - 4.5 - width / 2 if lot.faces_north else r.v0 + 4.5 + width / 2
            self.add(
                u,
                v,
                length,
                width,
                2.9,
                roof="hipped" if kind < 0.6 else "gabled",
                slope=round(0.5 + 0.25 * pitch, 3),
                turn_deg=round(6 * turn - 3, 2),
                overhang_ends_m=(0.4, 0.4),
                overhang_sides_m=0.4,
            )
            if shed < 0.35:
                back = r.v0 + 2.2 if lot.faces_north else r.v1 - 2.2
                self.add(u + 1.0, back, 3.6, 2.8, 2.2, roof="flat", is_light=True)

    def _flats(self, block: Block, rng: np.random.Generator) -> None:
        """Two small blocks of flats (*petits collectifs*) under flat roofs, and a row of light car ports."""
        r, (u, v) = block.rectangle, block.rectangle.centre
        self.lots.append(Lot(block=block, rectangle=Rectangle(r.u0, round(u, 2), r.v0, r.v1)))
        self.lots.append(Lot(block=block, rectangle=Rectangle(round(u, 2), r.u1, r.v0, r.v1)))
        for side in (-1, 1):
            height = 9.3 + round(0.6 * rng.random(), 2)
            self.add(u + side * (r.u1 - r.u0) / 4, v + 6, 22.0, 11.0, height, roof="flat")
        self.add(u - (r.u1 - r.u0) / 4, r.v0 + 5, 15.0, 5.0, 2.4, roof="flat", is_light=True)

    def _centre(self, block: Block, rng: np.random.Generator) -> None:
        """The annex of the town hall across the seam and two parcels, and a kiosk that the cadastre ignores."""
        r, (u, v) = block.rectangle, block.rectangle.centre
        line = round(u + 1 + 2 * rng.random(), 2)
        self.lots.append(Lot(block=block, rectangle=Rectangle(r.u0, line, r.v0, r.v1)))
        self.lots.append(Lot(block=block, rectangle=Rectangle(line, r.u1, r.v0, r.v1)))
        self.add(
            u,
            v - 9,
            19.0,
            11.0,
            6.4,
            roof="hipped",
            slope=0.55,
            name="MAIRIE ANNEXE",
            overhang_ends_m=(0.6, 0.6),
            overhang_sides_m=0.6,
        )
        self.add(u - 20, v - 13, 3.0, 3.0, 2.7, roof="flat", point_class=67, registration="missing", name="KIOSQUE")

    def _shelter(self, block: Block, rng: np.random.Generator) -> None:
        """The cyclone shelter of the BIM model, turned away from the streets."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))
        u, v = block.rectangle.centre
        scale = LAGON.grid_scale
        self.add(
            u,
            v + 5.0,
            2 * SHELTER_HALF_LENGTH_M * scale,
            2 * SHELTER_HALF_WIDTH_M * scale,
            round(0.15 + SHELTER_EAVE_M * scale, 3),
            roof="flat",
            name=SHELTER_NAME,
            turn_deg=round(4 + 5 * rng.random(), 2),
        )

    def _market(self, block: Block, rng: np.random.Generator) -> None:
        """The market hall open on its sides, a snack bar of class 67 (*divers bâtis*), a bus shelter."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))
        u, v = block.rectangle.centre
        self.add(
            u - 8,
            v,
            24.0,
            12.0,
            4.2,
            roof="gabled",
            slope=0.5,
            name="MARCHE",
            is_light=True,
            overhang_ends_m=(0.7, 0.7),
            overhang_sides_m=0.7,
        )
        self.add(u + 16, v - 8, 7.0, 4.5, 2.8, roof="flat", point_class=67, is_light=True, name="SNACK")
        self.add(u + 16, v + 15, 4.0, 1.8, 2.4, roof="flat", point_class=67, registration="missing", name="ABRIBUS")

    def _field(self, block: Block, rng: np.random.Generator) -> None:
        """Savanna: one parcel, nothing built."""
        self.lots.append(Lot(block=block, rectangle=block.rectangle))


def build_lagon(seed: int, extent: SampleExtent) -> SampleTown:
    """The village of a seed: same seed and extent, same village to the last bit."""
    layout = lay_out_coast(seed, extent)
    coast = Coast.of(layout)
    builder = _LagonBuilder(layout, coast)
    for block in layout.blocks:
        builder.build(block)
    centre = builder.block_centre("centre")
    vacant = builder.vacant[0].centre if builder.vacant else (centre[0] + 6, centre[1] + 14)
    return SampleTown(
        site=LAGON,
        seed=seed,
        layout=layout,
        terrain=coast,
        lots=tuple(builder.lots),
        buildings=builder.misregistered(),
        ghosts=(builder.ghost(centre[0] + 20, centre[1] - 13), builder.ghost(*vacant)),
        modelled_name=SHELTER_NAME,
        zoning=Zoning(commune=_commune(coast, extent), section_of=_section, row_zero=0, waterside_v=None),
    )


def _commune(coast: Coast, extent: SampleExtent) -> Polygon:
    """What the cadastre covers: it ends at the coastline (*domaine public maritime* beyond)."""
    around = box(*extent.bounds).buffer(BEYOND_M, join_style="mitre")
    west, south, east, north = around.bounds
    covered = around.intersection(coast.land(2 * max(east - west, north - south)))
    if not isinstance(covered, Polygon):
        raise TypeError(f"the coastline cuts the commune into pieces: {covered.geom_type}")
    return covered


def coast_of(town: SampleTown) -> Coast:
    """The landscape of a coastal village, with its sea."""
    if not isinstance(town.terrain, Coast):
        raise TypeError(f"{town.site.place} has no coast")
    return town.terrain
