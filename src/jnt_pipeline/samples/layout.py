"""Layout of a place: its own axes (u along the water, v away from it), streets, blocks and lots."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.samples.extent import SampleExtent

__all__ = ["Block", "Frame", "Intervals", "Layout", "Lot", "Rectangle", "inside_any", "place_blocks"]

MARGIN_M = 4.0
"""No block comes nearer to the edge of the sample, metres."""

Intervals = tuple[tuple[float, float], ...]
"""Sorted, disjoint (from, to), metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The place's own axes in the projection of the site: ``u`` turned by ``angle_deg`` from east about ``origin``."""

    origin: tuple[int, int]
    """Easting and northing, metres."""
    angle_deg: float

    @property
    def _turn(self) -> tuple[float, float]:
        return math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))

    def to_world(self, uv: NDArray[np.float64]) -> NDArray[np.float64]:
        """Own axes to the projection, arrays of shape (n, 2), metres."""
        c, s = self._turn
        u, v = uv[:, 0], uv[:, 1]
        return np.column_stack([self.origin[0] + (u * c - v * s), self.origin[1] + (u * s + v * c)])

    def to_town(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The projection to own axes, arrays of any one shape, metres."""
        c, s = self._turn
        dx, dy = x - self.origin[0], y - self.origin[1]
        return dx * c + dy * s, dy * c - dx * s


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle along the own axes, metres."""

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
    """0, 1, 2… away from the water; -1, -2… beyond it."""
    column: int
    """0 holds the origin; negative towards smaller u."""
    kind: str
    """What is built there; each place has kinds of its own."""
    rectangle: Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A lot of a block: one parcel of the cadastre."""

    block: Block
    rectangle: Rectangle
    faces_north: bool = False
    """Its street lies at the larger v."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Streets and blocks of one place."""

    seed: int
    extent: SampleExtent
    frame: Frame
    columns: Intervals
    """(u0, u1) of the columns of blocks; the gaps are streets."""
    rows: Intervals
    """(v0, v1) of the rows of blocks; the gaps are streets, and the water."""
    blocks: tuple[Block, ...]

    def box(self, points: NDArray[np.float64]) -> Bounds:
        """Bounds in the projection of points of shape (n, 2) given in own axes."""
        world = self.frame.to_world(points)
        west, south = world.min(axis=0)
        east, north = world.max(axis=0)
        return (float(west), float(south), float(east), float(north))


def inside_any(values: NDArray[np.float64], intervals: Intervals) -> NDArray[np.bool_]:
    """Whether values lie in one of the intervals."""
    edges = np.array(intervals).ravel()
    return np.asarray(np.searchsorted(edges, values, side="right") % 2 == 1)


def place_blocks(empty: Layout, middle: int, first: int, kind_of: Callable[[int, int], str]) -> tuple[Block, ...]:
    """The blocks of a layout without blocks: only those that lie wholly inside its extent; the last may be narrowed.

    ``middle`` and ``first`` are the indices of column 0 and of row 0; ``kind_of(row, column)`` says what is built.
    """
    west, south, east, north = empty.extent.bounds
    blocks = []
    for j, (v0, v1) in enumerate(empty.rows):
        for i, (u0, u1) in enumerate(empty.columns):
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
                    blocks.append(Block(row=row, column=column, kind=kind_of(row, column), rectangle=rectangle))
                    break
    return tuple(blocks)
