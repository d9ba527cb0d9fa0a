"""The village: farms with their barns, terraced houses along the high street, town hall, church, school, gardens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from shapely.geometry import box

from jnt_pipeline.samples.bourg_hill import Hill
from jnt_pipeline.samples.bourg_layout import ROW_ZERO, lay_out_village
from jnt_pipeline.samples.builder import Builder
from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.layout import Block, Lot, Rectangle
from jnt_pipeline.samples.roofs import SampleBuilding
from jnt_pipeline.samples.sites import BOURG
from jnt_pipeline.samples.town import SampleTown, Zoning

__all__ = ["HALL_NAME", "Village", "build_village"]

HALL_NAME = "MAIRIE"
HALL_HALF_LENGTH_M, HALL_HALF_WIDTH_M, HALL_EAVE_M, HALL_SLOPE = 8.0, 5.5, 6.4, 0.75
"""Of the town hall, true metres, as its BIM model draws it."""
JOINT_M = 0.01
"""What is built against a wall reaches so far into it: whatever is rounded, they touch."""
ROOM_M = 2.4
"""Length of the room that was added to a house, metres."""
COMMUNE_BEYOND_M = 40.0
"""The commune reaches beyond the sample, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Village:
    """The village as it stands, and what happened in it between two editions of the cadastre."""

    town: SampleTown
    """What stands now."""
    lot_of: dict[str, int]
    """Building → index of the lot that it stands on, the torn down barn included."""
    church: tuple[str, str]
    """Nave and tower: one footprint."""
    extension: tuple[str, str]
    """A house, and what was added to it."""
    built: str
    """The new house, on the part cut off from its lot."""
    gone: SampleBuilding
    """The barn that was torn down."""
    divided: tuple[int, float]
    """Index of the lot that was divided, and the v of the new limit."""
    merged: tuple[int, int]
    """Indices of the two neighbouring lots that became one."""


class _VillageBuilder(Builder):
    """What is built on the blocks of the village."""

    def __init__(self, seed: int, extent: SampleExtent):
        layout = lay_out_village(seed, extent)
        super().__init__(layout, Hill.of(layout))
        self.lot_of: dict[str, int] = {}
        self.church = ("", "")

    def place(self, u: float, v: float, length: float, width: float, eave_m: float, **traits: object) -> str:
        """A building on the newest lot; returns its id."""
        self.add(u, v, length, width, eave_m, **traits)
        name = self.buildings[-1].building_id
        self.lot_of[name] = len(self.lots) - 1
        return name

    def whole(self, block: Block, u0: float, u1: float) -> Lot:
        """A lot over the whole depth of a block."""
        r = block.rectangle
        self.lots.append(Lot(block=block, rectangle=Rectangle(u0, u1, r.v0, r.v1)))
        return self.lots[-1]

    def _meadow(self, block: Block, rng: np.random.Generator) -> None:
        del rng
        self.whole(block, block.rectangle.u0, block.rectangle.u1)

    def _vines(self, block: Block, rng: np.random.Generator) -> None:
        """Three parcels of vines, a wine-grower's hut (*cabote*) on some."""
        r = block.rectangle
        for u0, u1 in pairwise(np.round(np.linspace(r.u0, r.u1, 4), 2).tolist()):
            self.whole(block, u0, u1)
            if rng.random() < 0.3:
                self.place((u0 + u1) / 2, r.v1 - 8.0, 4.0, 3.4, 2.4, roof="gabled", slope=0.6)

    def _farms(self, block: Block, rng: np.random.Generator) -> None:
        """Two farms: house on the street above, a long barn across the yard, a light shed."""
        r = block.rectangle
        for u0, u1 in pairwise((r.u0, round(r.centre[0], 2), r.u1)):
            self.whole(block, u0, u1)
            size, pitch, shed = rng.random(3)
            middle = (u0 + u1) / 2
            self.place(
                middle - 6.0, r.v1 - 10.0, 12.0 + 3.0 * size, 8.0, 5.2, roof="gabled",
                slope=round(0.7 + 0.2 * pitch, 3), overhang_ends_m=(0.3, 0.3), overhang_sides_m=0.5,
            )  # fmt: skip
            self.place(
                middle + 12.0, r.v1 - 14.0, 18.0 + 3.0 * size, 8.5, 5.8, roof="gabled", slope=0.6, turn_deg=90.0,
                overhang_sides_m=0.4,
            )  # fmt: skip
            is_divided = (block.column, u0) == (2, r.u0)
            if shed < 0.6 and not is_divided:
                self.place(middle + 12.0, r.v0 + 8.0, 7.0, 4.5, 3.2, roof="flat", is_light=True)

    def _terraces(self, block: Block, rng: np.random.Generator) -> None:
        """Houses wall to wall along the high street, one roof ridge behind the other; gardens behind."""
        r = block.rectangle
        edges = [r.u0]
        while r.u1 - edges[-1] > 16.0:
            edges.append(round(edges[-1] + 7.0 + 2.5 * rng.random(), 2))
        for number, (u0, u1) in enumerate(pairwise([*edges, r.u1])):
            self.whole(block, u0, u1)
            depth, rise, shed = rng.random(3)
            width = round(8.5 + 2.5 * depth, 2)
            ends = (0.3 if number == 0 else 0.0, 0.3 if u1 == r.u1 else 0.0)
            self.place(
                (u0 + u1) / 2, r.v0 + 1.0 + width / 2, u1 - u0, width, 5.6 + round(1.4 * rise, 2),
                roof="gabled", slope=0.75, overhang_ends_m=ends, overhang_sides_m=0.4,
            )  # fmt: skip
            if shed < 0.35:
                self.place((u0 + u1) / 2, r.v1 - 4.0, 3.6, 3.0, 2.3, roof="flat", is_light=True)

    def _houses(self, block: Block, rng: np.random.Generator) -> None:
        """Detached houses in their gardens; two lots of the first block of the old village stay empty."""
        is_first = block.row == 0 and block.column == -2
        for number, lot in enumerate(self.split(block, rng, 17.0, 22.0)):
            r, (size, turn, pitch, kind, shed) = lot.rectangle, rng.random(5)
            if is_first and number < 2:
                continue
            width = round(7.5 + 1.0 * size, 2)
            v = r.v1 - 5.0 - width / 2 if lot.faces_north else r.v0 + 5.0 + width / 2
            self.place(
                r.centre[0], v, round(9.5 + 2.0 * size, 2), width, 3.1 + (2.6 if kind > 0.6 else 0.0),
                roof="hipped" if kind < 0.4 else "gabled", slope=round(0.6 + 0.2 * pitch, 3),
                turn_deg=round(6 * turn - 3, 2), overhang_ends_m=(0.5, 0.5), overhang_sides_m=0.5,
            )  # fmt: skip
            if shed < 0.4:
                back = r.v0 + 2.4 if lot.faces_north else r.v1 - 2.4
                self.place(r.u0 + 3.2, back, 3.4, 2.8, 2.2, roof="flat", is_light=True)

    def _centre(self, block: Block, rng: np.random.Generator) -> None:
        """The square: town hall (the BIM model) and church, each on its parcel."""
        r, (u, v) = block.rectangle, block.rectangle.centre
        scale = BOURG.grid_scale
        self.whole(block, r.u0, round(u, 2))
        self.place(
            u - 18.0, v + 2.0, 2 * HALL_HALF_LENGTH_M * scale, 2 * HALL_HALF_WIDTH_M * scale,
            round(0.15 + HALL_EAVE_M * scale, 3), roof="gabled", slope=HALL_SLOPE, name=HALL_NAME,
            turn_deg=round(3 + 3 * rng.random(), 2),
        )  # fmt: skip
        self.whole(block, round(u, 2), r.u1)
        nave = self.place(u + 17.0, v, 24.0, 10.0, 9.0, roof="gabled", slope=0.9, name="EGLISE SAINT-VINCENT")
        self.church = nave, self.place(u + 32.0 - JOINT_M, v, 6.0, 6.0, 18.0, roof="hipped", slope=1.8)

    def _school(self, block: Block, rng: np.random.Generator) -> None:
        """The school under a flat roof, its covered yard (*préau*), light."""
        del rng
        r, (u, v) = block.rectangle, block.rectangle.centre
        self.whole(block, r.u0, r.u1)
        self.place(u - 8.0, v + 6.0, 30.0, 12.0, 4.2, roof="flat", name="ECOLE")
        self.place(u + 20.0, v + 6.0, 12.0, 8.0, 3.4, roof="flat", is_light=True)

    def lots_of(self, row: int, column: int) -> list[int]:
        """Indices of the lots of one block."""
        return [i for i, lot in enumerate(self.lots) if (lot.block.row, lot.block.column) == (row, column)]

    def on(self, lot: int) -> list[str]:
        """Buildings on a lot, the main one first."""
        return [name for name, where in self.lot_of.items() if where == lot]

    def extend(self, name: str) -> tuple[str, str]:
        """A flat-roofed room on the eastern gable of a house."""
        house = next(one for one in self.buildings if one.building_id == name)
        angle = np.radians(house.turn_deg)
        off = house.half_length_m + ROOM_M / 2 - JOINT_M
        u, v = house.centre[0] + off * float(np.cos(angle)), house.centre[1] + off * float(np.sin(angle))
        self.add(u, v, ROOM_M, 2 * house.half_width_m - 1.5, 2.8, roof="flat", turn_deg=house.turn_deg)
        added = self.buildings[-1].building_id
        self.lot_of[added] = self.lot_of[name]
        i = self.buildings.index(house)
        self.buildings[i] = replace(house, overhang_ends_m=(house.overhang_ends_m[0], 0.0))
        return name, added


def build_village(seed: int, extent: SampleExtent) -> Village:
    """The village of a seed: same seed and extent, same village to the last bit.

    What changed between the editions lies in the outer columns, where no LiDAR was flown.
    """
    builder = _VillageBuilder(seed, extent)
    for block in builder.layout.blocks:
        builder.build(block)
    divided = builder.lots_of(-1, 2)[0]
    plot = builder.lots[divided].rectangle
    empty = builder.lots_of(0, -2)
    barn = builder.on(builder.lots_of(-1, -2)[0])[1]
    extension = builder.extend(builder.on(builder.lots_of(0, 2)[0])[0])
    builder.add(
        plot.centre[0] - 4.0, plot.v0 + 9.5, 11.0, 8.0, 3.1, roof="hipped", slope=0.7,
        overhang_ends_m=(0.5, 0.5), overhang_sides_m=0.5,
    )  # fmt: skip
    built = builder.buildings[-1].building_id
    builder.lot_of[built] = divided
    gone = next(one for one in builder.buildings if one.building_id == barn)
    commune = box(*extent.bounds).buffer(COMMUNE_BEYOND_M, join_style="mitre")
    town = SampleTown(
        site=BOURG,
        seed=seed,
        layout=builder.layout,
        terrain=builder.terrain,
        lots=tuple(builder.lots),
        buildings=tuple(one for one in builder.buildings if one.building_id != barn),
        ghosts=(),
        modelled_name=HALL_NAME,
        zoning=Zoning(commune=commune, section_of=_section, row_zero=ROW_ZERO, waterside_v=None),
    )
    return Village(
        town=town, lot_of=builder.lot_of, church=builder.church, extension=extension, built=built, gone=gone,
        divided=(divided, round(plot.v0 + 20.0, 2)), merged=(empty[0], empty[1]),
    )  # fmt: skip


def _section(row: int) -> str:
    """Section of a row of blocks: ZA the meadows, AB the old village, AC the gardens and the vines."""
    if row <= -2:
        return "ZA"
    return "AB" if row <= 0 else "AC"
