"""Roof faces (*pans de toiture*): polygons under one plane each, which share their nodes and fill a footprint."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.roofs.cells import Cells

__all__ = ["Plane", "RoofFace", "outlines_of_faces"]

Integers = NDArray[np.int64]

_STRAIGHT_M = 0.002
# A node within it of the line that its border runs along bends nothing: lines on a grid of 1 mm waver by 0.7 mm.


@dataclass(frozen=True, slots=True)
class Plane:
    """A roof plane: ``elevation = rise_east · east + rise_north · north + elevation_m``, from an origin of its own."""

    rise_east: float
    rise_north: float
    """Metres of elevation per metre of plan."""
    elevation_m: float
    """At the origin, metres above the datum."""
    origin_m: tuple[float, float]
    """Easting and northing, metres."""

    def at(self, easting_m: float, northing_m: float) -> float:
        """Elevation, metres."""
        east, north = easting_m - self.origin_m[0], northing_m - self.origin_m[1]
        return self.rise_east * east + self.rise_north * north + self.elevation_m

    @property
    def slope_deg(self) -> float:
        """Slope (*pente*) against the horizontal, degrees."""
        return math.degrees(math.atan(math.hypot(self.rise_east, self.rise_north)))

    @property
    def azimuth_deg(self) -> float:
        """Where it looks, downhill, degrees from north clockwise; NaN on a level plane."""
        if self.rise_east == 0 and self.rise_north == 0:
            return math.nan
        return math.degrees(math.atan2(-self.rise_east, -self.rise_north)) % 360


@dataclass(frozen=True, slots=True, kw_only=True)
class RoofFace:
    """One face of a roof."""

    polygon: Polygon
    """Its plan, in the twin's horizontal CRS, vertices on the grid of 1 mm, counter-clockwise."""
    plane: Plane
    n_points: int
    """Roof points over it that it explains."""
    rmse_m: float
    """Of these points across the plane, metres; NaN without points."""

    @property
    def area_m2(self) -> float:
        """Area of the face itself, not of its plan, m²."""
        return float(self.polygon.area) * math.hypot(1.0, self.plane.rise_east, self.plane.rise_north)


def outlines_of_faces(
    cells: Cells, face: Integers, outline: Polygon, origin_m: tuple[float, float]
) -> dict[int, Polygon]:
    """The polygon of each face, by its number, in the twin's CRS: borders between cells of one face are gone.

    Nodes on straight borders are taken out, those of the ``outline`` stay. Raises ``AssemblyError`` where a face
    has no single outer ring.
    """
    of_edge = face[cells.edges[:, 2]]
    other = np.where(cells.twins >= 0, of_edge[cells.twins], -1)
    kept = np.flatnonzero(of_edge != other)
    edges = cells.edges[kept, :2].tolist()
    nodes = cells.nodes.tolist()
    corners = {(round(x * 1000), round(y * 1000)) for x, y in shapely.get_coordinates(outline).tolist()}
    straight = _straight(edges, nodes, corners)
    polygons = {}
    by_face: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (u, v), number in zip(edges, of_edge[kept].tolist(), strict=True):
        by_face[number].append((u, v))
    for number, own in sorted(by_face.items()):
        outer: list[list[list[float]]] = []
        holes: list[list[list[float]]] = []
        for ring in _rings(own, nodes):
            plan = [nodes[u] for u in ring if u not in straight]
            if len(plan) < 3:
                continue
            (outer if _signed_area(plan) > 0 else holes).append(plan)
        if len(outer) != 1:
            raise AssemblyError("a roof face falls apart", found=f"{len(outer)} outer rings", expected="one")
        polygons[number] = Polygon(_placed(outer[0], origin_m), [_placed(hole, origin_m) for hole in holes])
    return polygons


def _placed(ring: list[list[float]], origin_m: tuple[float, float]) -> list[tuple[float, float]]:
    return [(round(x + origin_m[0], 3), round(y + origin_m[1], 3)) for x, y in ring]


def _straight(edges: list[list[int]], nodes: list[list[float]], corners: set[tuple[int, int]]) -> set[int]:
    """Nodes on straight borders between two faces, unless the outline has a corner there.

    Borders are followed from one node of three edges (or corner) to the next, and simplified between them (Douglas &
    Peucker, 1973), so that bends too small to see one by one do not add up.
    """
    neighbours: dict[int, set[int]] = defaultdict(set)
    for u, v in edges:
        neighbours[u].add(v)
        neighbours[v].add(u)
    passed = {
        node
        for node, around in neighbours.items()
        if len(around) == 2 and (round(nodes[node][0] * 1000), round(nodes[node][1] * 1000)) not in corners
    }
    straight: set[int] = set()
    followed: set[int] = set()
    for start in sorted(neighbours.keys() - passed):
        for first in sorted(neighbours[start]):
            if first not in passed or first in followed:
                continue
            chain = [start, first]
            while chain[-1] in passed:
                followed.add(chain[-1])
                a, b = neighbours[chain[-1]]
                chain.append(b if a == chain[-2] else a)
            straight |= _between(chain, nodes)
    return straight


def _between(chain: list[int], nodes: list[list[float]]) -> set[int]:
    """The nodes of a chain that its simplification leaves out."""
    (x1, y1), (x2, y2) = nodes[chain[0]], nodes[chain[-1]]
    dx, dy = x2 - x1, y2 - y1
    length = math.hypot(dx, dy)
    offs = [
        abs(dx * (y - y1) - dy * (x - x1)) / length if length else math.hypot(x - x1, y - y1)
        for x, y in (nodes[node] for node in chain[1:-1])
    ]
    if not offs:
        return set()
    if length and max(offs) <= _STRAIGHT_M:
        return set(chain[1:-1])
    k = offs.index(max(offs)) + 1
    return _between(chain[: k + 1], nodes) | _between(chain[k:], nodes)


def _rings(edges: list[tuple[int, int]], nodes: list[list[float]]) -> list[list[int]]:
    """Rings of directed edges, the face on their left, none through a node twice."""
    after: dict[int, list[int]] = defaultdict(list)
    for u, v in edges:
        after[u].append(v)
    rings = []
    for start, _ in sorted(edges):
        while after[start]:
            ring, u, v = [start], start, after[start].pop(0)
            while v != start:
                ring.append(v)
                choices = after[v]
                if not choices:
                    raise AssemblyError("a ring of a roof face is open", found=f"node {v}", expected="a closed ring")
                best = min(choices, key=partial(_turn_at, nodes, u, v)) if len(choices) > 1 else choices[0]
                choices.remove(best)
                u, v = v, best
            rings.append(ring)
    return rings


def _turn_at(nodes: list[list[float]], u: int, v: int, w: int) -> float:
    """Angle at v from the way back to u to the way ahead to w, counter-clockwise, radians."""
    back, at, ahead = nodes[u], nodes[v], nodes[w]
    a = math.atan2(back[1] - at[1], back[0] - at[0])
    b = math.atan2(ahead[1] - at[1], ahead[0] - at[0])
    return (b - a) % (2 * math.pi)


def _signed_area(ring: list[list[float]]) -> float:
    x0, y0 = ring[0]
    total = 0.0
    for (x1, y1), (x2, y2) in zip(ring, (*ring[1:], ring[0]), strict=True):
        total += (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    return total / 2
