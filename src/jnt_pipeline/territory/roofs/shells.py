"""Closed solids on roof faces: ground, outer walls, walls where one face ends above another, and the faces.

One pure function of the faces and the ground: exporters rebuild the same solid, bit for bit, from the stored layers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.roofs.faces import RoofFace
from jnt_pipeline.territory.solids import GROUND, ROOF, WALL, Face, Ring, Solid

__all__ = ["PLANARITY_M", "Node", "levels_at_nodes", "rings_of", "roof_solid"]

PLANARITY_M = 0.01
"""How far a vertex may lie from the plane of its face: the tolerance of val3dity (``planarity_d2p_tol``). Vertices
stand on a grid of 1 mm, so that no sloping face of four vertices is planar to the last bit."""

_MEETS_MM = 5
# Faces nearer than this at a node meet there: half the planarity, since each then moves by half of it.
_LOWEST_MM = 10
# A roof this little above the ground is no wall that anyone could draw.

Node = tuple[int, int]
Edge = tuple[Node, Node]


def roof_solid(faces: Sequence[RoofFace], ground_elevation_m: float) -> Solid:
    """The closed solid (LoD2.2) under ``faces``, which fill one polygon and share their nodes, on level ground.

    Vertices lie on a grid of 1 mm in plan and elevation. Where faces meet within 5 mm they share a vertex; where two
    cross between nodes, a node is put in; elsewhere a wall stands between them. Faces of the solid: ground, roof faces
    in their order, outer walls, inner walls. Raises ``AssemblyError`` where that gives no closed shell.
    """
    if not faces or not math.isfinite(ground_elevation_m):
        raise AssemblyError("no solid without roof faces and ground", found=f"{len(faces)} faces")
    rings = [rings_of(face) for face in faces]
    owner = _owners(rings)
    _cross(faces, rings, owner)
    levels = levels_at_nodes(faces, rings)
    ground = round(ground_elevation_m * 1000)
    if min(level for around in levels.values() for level in around.values()) < ground + _LOWEST_MM:
        raise AssemblyError("the roof reaches the ground", found="a corner not above it", expected="1 cm at least")
    return _shell(rings, owner, levels, ground)


def rings_of(face: RoofFace) -> list[list[Node]]:
    """Outer ring and holes, in whole millimetres."""
    polygon = face.polygon
    return [
        [(round(x * 1000), round(y * 1000)) for x, y in list(ring.coords)[:-1]]
        for ring in (polygon.exterior, *polygon.interiors)
    ]


def _edges(ring: list[Node]) -> zip[Edge]:
    return zip(ring, (*ring[1:], ring[0]), strict=True)


def _owners(rings: list[list[list[Node]]]) -> dict[Edge, int]:
    """The face on the left of each directed edge."""
    owner: dict[Edge, int] = {}
    for number, own in enumerate(rings):
        for ring in own:
            for edge in _edges(ring):
                if edge in owner:
                    raise AssemblyError("roof faces overlap", found=f"one edge of faces {owner[edge]} and {number}")
                owner[edge] = number
    return owner


def _elevation(face: RoofFace, node: Node) -> float:
    """Millimetres."""
    return face.plane.at(node[0] / 1000, node[1] / 1000) * 1000


def _cross(faces: Sequence[RoofFace], rings: list[list[list[Node]]], owner: dict[Edge, int]) -> None:
    """Put a node where two faces cross between the ends of their edge."""
    for (u, v), left in sorted(owner.items()):
        right = owner.get((v, u))
        if right is None or u > v:
            continue
        at_u = _elevation(faces[left], u) - _elevation(faces[right], u)
        at_v = _elevation(faces[left], v) - _elevation(faces[right], v)
        if at_u * at_v >= 0 or min(abs(at_u), abs(at_v)) <= _MEETS_MM:
            continue
        t = at_u / (at_u - at_v)
        node = round(u[0] + t * (v[0] - u[0])), round(u[1] + t * (v[1] - u[1]))
        if node in (u, v):
            continue
        for first, second, number in ((u, v, left), (v, u, right)):
            ring = next(ring for ring in rings[number] if (first, second) in set(_edges(ring)))
            ring.insert(ring.index(first) + 1, node)
            del owner[first, second]
            owner[first, node] = owner[node, second] = number


def levels_at_nodes(faces: Sequence[RoofFace], rings: list[list[list[Node]]]) -> dict[Node, dict[int, int]]:
    """Elevation of each face at each of its nodes, millimetres: one where they meet."""
    exact: dict[Node, dict[int, float]] = defaultdict(dict)
    for number, own in enumerate(rings):
        for ring in own:
            for node in ring:
                exact[node][number] = _elevation(faces[number], node)
    levels: dict[Node, dict[int, int]] = {}
    for node, around in exact.items():
        ordered = sorted(around.items(), key=lambda item: (item[1], item[0]))
        here: dict[int, int] = {}
        meeting: list[tuple[int, float]] = []
        for item in [*ordered, (-1, math.inf)]:
            if meeting and item[1] - meeting[-1][1] > _MEETS_MM:
                level = round(sum(height for _, height in meeting) / len(meeting))
                here.update((number, level) for number, _ in meeting)
                meeting = []
            meeting.append(item)
        levels[node] = here
    return levels


def _shell(
    rings: list[list[list[Node]]], owner: dict[Edge, int], levels: dict[Node, dict[int, int]], ground: int
) -> Solid:
    index: dict[tuple[int, int, int], int] = {}

    def vertex(node: Node, level: int) -> int:
        return index.setdefault((*node, level), len(index))

    stacks = {node: sorted({*around.values()}) for node, around in levels.items()}
    outer = {edge: number for edge, number in owner.items() if edge[::-1] not in owner}
    below = [tuple(vertex(node, ground) for node in ring) for ring in _ground_rings(outer)]
    roofs: list[Face] = [
        tuple(tuple(vertex(node, levels[node][number]) for node in ring) for ring in own)
        for number, own in enumerate(rings)
    ]

    def wall(u: Node, v: Node, number: int, low_u: int, low_v: int) -> Ring:
        """From the lower levels up to those of the face; what stands between them at the ends comes in."""
        high_u, high_v = levels[u][number], levels[v][number]
        up = [level for level in stacks[v] if low_v < level < high_v]
        down = [level for level in reversed(stacks[u]) if low_u < level < high_u]
        corners = [(u, low_u), (v, low_v), *((v, level) for level in [*up, high_v]), (u, high_u)]
        corners += [(u, level) for level in down]
        ring = [vertex(*corner) for corner in corners]
        return tuple(i for i, before in zip(ring, (ring[-1], *ring[:-1]), strict=True) if i != before)

    walls: list[Face] = [(wall(u, v, number, ground, ground),) for (u, v), number in sorted(outer.items())]
    for (u, v), number in sorted(owner.items()):
        other = owner.get((v, u))
        if other is None:
            continue
        low_u, low_v = levels[u][other], levels[v][other]
        if levels[u][number] >= low_u and levels[v][number] >= low_v and (
            levels[u][number] > low_u or levels[v][number] > low_v
        ):  # fmt: skip
            walls.append((wall(u, v, number, low_u, low_v),))
    # Holes of a ground face run the other way round than its outer ring.
    faces: tuple[Face, ...] = (tuple(below), *roofs, *walls)
    vertices = np.array(list(index), dtype=np.float64) / 1000.0
    return Solid(vertices, faces, (GROUND, *(ROOF for _ in roofs), *(WALL for _ in walls)))


def _ground_rings(outer: dict[Edge, int]) -> list[list[Node]]:
    """Rings of the outline seen from below: outer ring first."""
    before = {v: u for u, v in outer}
    if len(before) < len(outer):
        raise AssemblyError("the outline of the roof touches itself", found="a node with two outer edges")
    rings: list[list[Node]] = []
    left = dict(sorted(before.items()))
    while left:
        start = next(iter(left))
        ring, node = [], start
        while node in left:
            ring.append(node)
            node = left.pop(node)
        rings.append(ring)
    areas = [sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in _edges(ring)) for ring in rings]
    if sum(area < 0 for area in areas) != 1:
        raise AssemblyError("the roof faces do not fill one polygon", found=f"{len(rings)} rings", expected="one outer")
    return [ring for _, ring in sorted(zip(areas, rings, strict=True), key=lambda pair: pair[0])]
