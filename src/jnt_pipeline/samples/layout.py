"""Layout of the town: its own axes (u along the river, v away from it), streets, blocks and lots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.extent import CENTRE_NORTHING_M, SEAM_EASTING_M, SampleExtent

__all__ = ["Block", "Frame", "Layout", "Lot", "Rectangle", "lay_out"]

STREET_M = 9.0
"""Width of a street across the town, metres."""
MARGIN_M = 4.0
"""No block comes nearer to the edge of the sample, metres."""
TOWN_ROWS = ((-60.0, -14.0), (-6.0, 44.0), (53.0, 101.0), (110.0, 136.0))
"""Rows of blocks of the town proper (v, metres): old town, centre, terrace of houses, hillside."""
NORTH_ROW_M, SOUTH_ROW_M, OUTER_DEPTH_M = 146.0, -160.0, 46.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The town's axes in Lambert-93: origin on the seam, ``u`` turned by ``angle_deg`` from east."""

    angle_deg: float

    @property
    def _turn(self) -> tuple[float, float]:
        return math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))

    def to_world(self, uv: NDArray[np.float64]) -> NDArray[np.float64]:
        """Town axes to Lambert-93, arrays of shape (n, 2), metres."""
        c, s = self._turn
        u, v = uv[:, 0], uv[:, 1]
        return np.column_stack([SEAM_EASTING_M + (u * c - v * s), CENTRE_NORTHING_M + (u * s + v * c)])

    def to_town(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lambert-93 to town axes, arrays of any one shape, metres."""
        c, s = self._turn
        dx, dy = x - SEAM_EASTING_M, y - CENTRE_NORTHING_M
        return dx * c + dy * s, dy * c - dx * s


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle along the town's axes, metres."""

    u0: float
    u1: float
    v0: float
    v1: float

    @property
    def centre(self) -> tuple[float, float]:
        """(u, v), metres."""
        return ((self.u0 + self.u1) / 2, (self.v0 + self.v1) / 2)

    @property
    def corners(self) -> NDArray[np.float64]:
        """Shape (4, 2), counter-clockwise from the south-west, town axes, metres."""
        return np.array([(self.u0, self.v0), (self.u1, self.v0), (self.u1, self.v1), (self.u0, self.v1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block (*îlot*) between streets."""

    row: int
    """0, 1, 2… away from the river to the north; -1, -2… to the south."""
    column: int
    """0 holds the seam; negative to the west."""
    kind: str
    """rows, courtyard, school, townhall, flats, market, houses or field."""
    rectangle: Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A lot of a block: one parcel of the cadastre."""

    block: Block
    rectangle: Rectangle
    faces_north: bool = False
    """Its street lies to the north."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Streets and blocks of one town."""

    seed: int
    extent: SampleExtent
    frame: Frame
    columns: tuple[tuple[float, float], ...]
    """(u0, u1) of the columns of blocks, west to east; the gaps are streets."""
    rows: tuple[tuple[float, float], ...]
    """(v0, v1) of the rows of blocks, south to north; the gaps are streets, and the river."""
    blocks: tuple[Block, ...]

    def box(self, points: NDArray[np.float64]) -> Bounds:
        """Bounds in Lambert-93 of points of shape (n, 2) given in town axes."""
        world = self.frame.to_world(points)
        west, south = world.min(axis=0)
        east, north = world.max(axis=0)
        return (float(west), float(south), float(east), float(north))

    def in_street(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points lie in a street or on the quay (paved), town axes."""
        across = ~_inside_any(u, self.columns)
        along = ~_inside_any(v, self.rows)
        built = (v > TOWN_ROWS[0][0]) | (v < SOUTH_ROW_M)
        return np.asarray((across | along) & built | (v <= TOWN_ROWS[0][0]) & (v > -79.0))


def _inside_any(values: NDArray[np.float64], intervals: tuple[tuple[float, float], ...]) -> NDArray[np.bool_]:
    edges = np.array(intervals).ravel()
    return np.asarray(np.searchsorted(edges, values, side="right") % 2 == 1)


def _columns(seed: int, reach: float) -> tuple[tuple[float, float], ...]:
    rng = stream(seed, "columns")
    half = round(35 + 5 * rng.random(), 1)
    columns = [(-half, half)]
    while columns[-1][1] < reach:
        east = columns[-1][1] + STREET_M
        west = columns[0][0] - STREET_M
        columns.append((east, round(east + 62 + 18 * rng.random(), 1)))
        columns.insert(0, (round(west - 62 - 18 * rng.random(), 1), west))
    return tuple(columns)


def _rows(reach: float) -> tuple[tuple[float, float], ...]:
    rows = list(TOWN_ROWS)
    while rows[-1][1] < reach:
        start = max(rows[-1][1] + STREET_M, NORTH_ROW_M)
        rows.append((start, start + OUTER_DEPTH_M))
    south = SOUTH_ROW_M
    while south > -reach:
        rows.insert(0, (south - OUTER_DEPTH_M, south))
        south -= OUTER_DEPTH_M + STREET_M
    return tuple(rows)


_SPECIAL = {(0, -2): "market", (1, 0): "courtyard", (1, 1): "school", (1, -1): "townhall", (1, 2): "flats"}
"""Blocks with a part to play, by (row, column); all lie inside the smallest sample."""


def _kind(seed: int, row: int, column: int) -> str:
    if (row, column) in _SPECIAL:
        return _SPECIAL[row, column]
    chance = stream(seed, "kind", row + 1000, column + 1000).random()
    if row in {0, 1}:
        # The old town thins out away from its middle.
        return "rows" if abs(column) <= 5 or chance < 0.5 else "houses"
    if row == 2 or (row == 3 and abs(column) <= 3):
        return "houses"
    return "houses" if chance < 0.45 else "field"


def lay_out(seed: int, extent: SampleExtent) -> Layout:
    """Draw streets and blocks; only blocks that lie wholly inside the extent exist (the last may be narrowed)."""
    frame = Frame(angle_deg=round(3.5 + 1.5 * stream(seed, "frame").random(), 3))
    reach = (
        float(max(extent.east - SEAM_EASTING_M, CENTRE_NORTHING_M - extent.south, extent.north - CENTRE_NORTHING_M))
        + 100
    )
    columns, rows = _columns(seed, reach), _rows(reach)
    middle, first = len(columns) // 2, rows.index(TOWN_ROWS[0])
    empty = Layout(seed=seed, extent=extent, frame=frame, columns=columns, rows=rows, blocks=())
    west, south, east, north = extent.bounds
    blocks = []
    for j, (v0, v1) in enumerate(rows):
        for i, (u0, u1) in enumerate(columns):
            for share in (1.0, 0.75, 0.5):
                width = (u1 - u0) * share
                rectangle = Rectangle(u0, u0 + width, v0, v1) if i >= middle else Rectangle(u1 - width, u1, v0, v1)
                box = empty.box(rectangle.corners)
                inside = (
                    box[0] > west + MARGIN_M
                    and box[1] > south + MARGIN_M
                    and box[2] < east - MARGIN_M
                    and box[3] < north - MARGIN_M
                )
                if inside:
                    row, column = j - first, i - middle
                    blocks.append(Block(row=row, column=column, kind=_kind(seed, row, column), rectangle=rectangle))
                    break
    return Layout(seed=seed, extent=extent, frame=frame, columns=columns, rows=rows, blocks=tuple(blocks))
