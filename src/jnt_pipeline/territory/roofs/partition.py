"""Descriptions of a roof: which plane covers which piece of its plan, cut off at a limit, or level part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.territory.roofs.cells import Cells, cells_of_points, cut_into_cells
from jnt_pipeline.territory.roofs.labels import faces_of

__all__ = ["Labelled", "Partition", "cut_off", "level_parts", "percentile_of", "useful_range"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BEYOND_POINTS_M = 2.0
# A plane goes on below and above its own points by no more than this: eaves and ridges in a missing strip.
_BELOW_CAP_M = 0.01
# Roofs that are cut off stay so much below the limit, for the grid of 1 mm.
_LEVEL = 0.02
# Rise per metre below which a plane is not cut but capped whole.
_MOST_CUTS = 20
_SAME_PART_M = 0.5
# Faces that come no farther apart than this along their border are one part at LoD1.3.


@dataclass(frozen=True, slots=True)
class Labelled:
    """Cells of an outline with the number of their face, and the plane of each number."""

    cells: Cells
    face: Integers
    planes: dict[int, tuple[float, float, float]]
    of_point: Integers
    """Shape (n,): face of each roof point, -1 none."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Cells between lines, with their plane and face."""

    lines: Floats
    cells: Cells
    planes: Floats
    of_cell: Integers
    face: Integers

    def highest(self) -> float:
        """Highest corner of the roof, metres."""
        edges = self.cells.edges
        a, b, c = self.planes[self.of_cell[edges[:, 2]]].T
        x, y = self.cells.nodes[edges[:, 0]].T
        return float((a * x + b * y + c).max())

    def labelled(self, cell_of: Integers) -> Labelled:
        """With the face of each point, by its cell (n,), -1 none."""
        numbers = sorted(set(self.face.tolist()))
        planes = {number: tuple(self.planes[self.of_cell[number]].tolist()) for number in numbers}
        return Labelled(self.cells, self.face, planes, np.where(cell_of >= 0, self.face[np.maximum(cell_of, 0)], -1))


def useful_range(xyz: Floats, label: Integers, planes: Floats, lowest: float) -> Floats:
    """Elevations (p, 2) between which each plane is of use: a little beyond its own points, above the ground."""
    reach = np.empty((len(planes), 2))
    for i in range(len(planes)):
        own = xyz[label == i, 2]
        reach[i] = max(lowest, own.min() - _BEYOND_POINTS_M), own.max() + _BEYOND_POINTS_M
    return reach


def percentile_of(ascending: Floats, percentile: float) -> float:
    """Interpolated linearly between sorted values (type 7 of Hyndman & Fan, 1996)."""
    place = percentile / 100 * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return float(ascending[below] + (place - below) * (ascending[above] - ascending[below]))


def cut_off(plan: Polygon, partition: Partition, limit: float) -> Partition:
    """The same roof cut off just below an elevation (metres): what rises above it is level there."""
    limit -= _BELOW_CAP_M
    above = partition.planes[np.unique(partition.of_cell)]
    slope = np.hypot(above[:, 0], above[:, 1])
    above, slope = above[slope > _LEVEL], slope[slope > _LEVEL]
    cuts = np.column_stack([above[:, 0] / slope, above[:, 1] / slope, (limit - above[:, 2]) / slope])
    lines = np.concatenate([partition.lines, cuts[:_MOST_CUTS]])
    cells = cut_into_cells(plan, lines)
    before = cells_of_points(partition.cells, partition.lines, cells.places)
    of_cell = np.where(before >= 0, partition.of_cell[np.maximum(before, 0)], 0)
    planes = np.concatenate([partition.planes, [(0.0, 0.0, limit)]])
    a, b, c = planes[of_cell].T
    of_cell = np.where(a * cells.places[:, 0] + b * cells.places[:, 1] + c > limit, len(planes) - 1, of_cell)
    return Partition(lines, cells, planes, of_cell, faces_of(cells, of_cell))


def level_parts(finest: Labelled, xyz: Floats) -> Labelled:
    """Faces that meet along a ridge joined into parts; each part level at the 90th percentile of its points."""
    cells, face = finest.cells, finest.face
    part = {number: number for number in finest.planes}

    def root(number: int) -> int:
        while part[number] != number:
            number = part[number]
        return number

    inner = np.flatnonzero(cells.twins >= 0)
    for e in inner.tolist():
        u, v, c = cells.edges[e].tolist()
        a, b = root(int(face[c])), root(int(face[cells.edges[cells.twins[e], 2]]))
        if a == b:
            continue
        p, q = finest.planes[int(face[c])], finest.planes[int(face[cells.edges[cells.twins[e], 2]])]
        ends = cells.nodes[[u, v]]
        apart = np.abs(ends @ np.subtract(p[:2], q[:2]) + p[2] - q[2])
        if apart.max() <= _SAME_PART_M:
            part[max(a, b)] = min(a, b)
    joined = np.array([root(int(number)) for number in face], dtype=np.int64)
    of_face = {number: root(number) for number in finest.planes}
    of_point = np.array([of_face.get(number, -1) for number in finest.of_point.tolist()], dtype=np.int64)
    whole = percentile_of(np.sort(xyz[:, 2]), 90)
    levels = {}
    for number in np.unique(joined).tolist():
        own = np.sort(xyz[of_point == number, 2])
        levels[number] = (0.0, 0.0, round(percentile_of(own, 90) if len(own) else whole, 3))
    return Labelled(cells, joined, levels, of_point)
