"""Nodes, arcs and faces of polygons that share borders: what a topological subset of EDIGÉO is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.polygon import orient

__all__ = ["OUTSIDE", "Point", "TopologicalArc", "arcs_between", "centimetres", "parts_of"]

Point = tuple[int, int]
"""Coordinates in centimetres."""
Segment = tuple[Point, Point]

OUTSIDE = -1
"""The face that belongs to no polygon."""


@dataclass(frozen=True, slots=True)
class TopologicalArc:
    """A border between two faces, from node to node."""

    points: tuple[Point, ...]
    left: int
    right: int


def centimetres(coordinates: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    """Coordinates rounded as a sheet states them; points that fall together are one."""
    points = [(int(x), int(y)) for x, y in np.rint(np.asarray(coordinates, dtype=np.float64)[:, :2] * 100.0)]
    return (points[0], *(b for a, b in pairwise(points) if a != b))


def parts_of(geometry: shapely.Geometry) -> list[Polygon]:
    """The polygons of a polygon or multipolygon, outer rings counter-clockwise; raises ``TypeError`` for others."""
    parts = shapely.get_parts(geometry)
    if not all(isinstance(part, Polygon) for part in parts):
        raise TypeError("a surface is drawn as polygons")
    return [orient(part) for part in parts]


def arcs_between(faces: Sequence[Polygon]) -> list[TopologicalArc]:
    """The arcs that bound ``faces`` (outer rings counter-clockwise), each with the faces on its two sides.

    Faces may touch but not overlap; a border is shared where both have the same vertices on it. Every end of an arc
    is a junction, or the smallest vertex of a circuit without one.
    """
    left: dict[Segment, int] = {}
    for number, face in enumerate(faces):
        for ring in (face.exterior, *face.interiors):
            for a, b in pairwise(centimetres(list(ring.coords))):
                if left.setdefault((a, b), number) != number:
                    raise ValueError(f"faces {left[a, b]} and {number} overlap along {a}, {b}")
    sides = {(a, b): (face, left.get((b, a), OUTSIDE)) for (a, b), face in left.items() if (b, a) not in left or a < b}
    at: dict[Point, list[Segment]] = {}
    for segment in sides:
        for point in segment:
            at.setdefault(point, []).append(segment)
    nodes = {point for point, segments in at.items() if not _passes(point, segments, sides)}
    unused = dict.fromkeys(sorted(sides))
    starts = [segment for segment in sorted(sides) if segment[0] in nodes]
    return [
        TopologicalArc(points, *sides[start]) for start, points in _chains((*starts, *sorted(sides)), unused, at, nodes)
    ]


def _passes(point: Point, segments: Sequence[Segment], sides: dict[Segment, tuple[int, int]]) -> bool:
    """Whether one arc goes through a point: two segments, one in and one out, between the same faces."""
    if len(segments) != 2:
        return False
    one, two = segments
    return (one[1] == point) != (two[1] == point) and sides[one] == sides[two]


def _chains(
    starts: Sequence[Segment],
    unused: dict[Segment, None],
    at: dict[Point, list[Segment]],
    nodes: set[Point],
) -> Iterator[tuple[Segment, tuple[Point, ...]]]:
    """First segment and points of each arc, from node to node, or round a circuit that has none."""
    for start in starts:
        if start not in unused:
            continue
        del unused[start]
        points = list(start)
        while points[-1] not in nodes and points[-1] != points[0]:
            onward = next(segment for segment in at[points[-1]] if segment[0] == points[-1])
            del unused[onward]
            points.append(onward[1])
        yield start, tuple(points)
