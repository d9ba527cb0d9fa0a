"""Nodes round which a roof rises and falls twice: there a wall edge would have four walls, which no solid may have.

ISO 19107 wants the shell of a solid to be a 2-manifold. As outlines that touch themselves are thickened
(``outlines.sound_polygons``), one corner of such a node is cut off and given to the face beside it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from shapely.geometry import Polygon

from jnt_pipeline.territory.roofs.faces import RoofFace
from jnt_pipeline.territory.roofs.shells import Node, levels_at_nodes, rings_of

__all__ = ["without_saddles"]

_CORNER_MM = 30
# Cut off along both sides: clear of the grid of 1 mm, less than anyone measures on a roof.
_OUTSIDE = -1

Rings = list[list[list[Node]]]
Sector = tuple[int, int, Node, Node]
"""Face, ring, node before and node after."""


def without_saddles(faces: Sequence[RoofFace]) -> tuple[RoofFace, ...]:
    """The same faces, corners cut where needed; as they were where nothing is."""
    rings = [rings_of(face) for face in faces]
    changed = False
    for _ in range(50):
        levels = levels_at_nodes(faces, rings)
        cut = next((cut for node in _meetings(rings) if (cut := _saddle(rings, levels, node))), None)
        if cut is None:
            break
        _cut_corner(rings, *cut)
        changed = True
    if not changed:
        return tuple(faces)
    return tuple(replace(face, polygon=_polygon(own)) for face, own in zip(faces, rings, strict=True))


def _polygon(rings: list[list[Node]]) -> Polygon:
    outer, *holes = [[(x / 1000, y / 1000) for x, y in ring] for ring in rings]
    return Polygon(outer, holes)


def _meetings(rings: Rings) -> list[Node]:
    """Nodes of three faces or more."""
    count: dict[Node, int] = defaultdict(int)
    for own in rings:
        for ring in own:
            for node in ring:
                count[node] += 1
    return sorted(node for node, n in count.items() if n > 2)


def _saddle(rings: Rings, levels: dict[Node, dict[int, int]], node: Node) -> tuple[Node, Sector] | None:
    """The corner to cut off at a saddle: the highest hollow between two rises; None where there is no saddle."""
    sectors = _around(rings, node)
    heights = [-math.inf if face == _OUTSIDE else levels[node][face] for face, _, _, _ in sectors]
    hollows = [
        i
        for i in range(len(sectors))
        if heights[i - 1] > heights[i] < heights[(i + 1) % len(sectors)]
    ]  # fmt: skip
    if len(hollows) < 2:
        return None
    return node, sectors[max(hollows, key=lambda i: (heights[i], sectors[i][0]))]


def _around(rings: Rings, node: Node) -> list[Sector]:
    """The faces round a node, counter-clockwise; the outside is one of them."""
    by_after: dict[Node, Sector] = {}
    for number, own in enumerate(rings):
        for which, ring in enumerate(own):
            for k in (k for k, other in enumerate(ring) if other == node):
                before, after = ring[k - 1], ring[(k + 1) % len(ring)]
                by_after[after] = (number, which, before, after)
    befores = {before for _, _, before, _ in by_after.values()}
    # The outside ends where a face begins that no other ends at.
    start = min((after for after in by_after if after not in befores), default=min(by_after))
    around, after = [], start
    while after in by_after and len(around) < len(by_after):
        around.append(by_after[after])
        after = around[-1][2]
    if after not in by_after:
        around.append((_OUTSIDE, 0, start, after))
    return around


def _cut_corner(rings: Rings, node: Node, sector: Sector) -> None:
    number, which, before, after = sector
    p, q = _toward(node, before), _toward(node, after)
    ring = rings[number][which]
    k = ring.index(node)
    ring[k : k + 1] = [p, q]
    first, second = _place(rings, node, before), _place(rings, after, node)
    if first is not None:
        # The face across the way in takes the corner; the one across the way out gets the new node.
        owner, k = first
        owner[k + 1 : k + 1] = [q, p]
        if second is not None:
            owner, k = _place(rings, after, node) or second
            owner.insert(k + 1, q)
    elif second is not None:
        owner, k = second
        owner[k + 1 : k + 1] = [q, p]


def _place(rings: Rings, start: Node, end: Node) -> tuple[list[Node], int] | None:
    """The ring that goes from one node to another, and where."""
    for own in rings:
        for ring in own:
            for k, node in enumerate(ring):
                if node == start and ring[(k + 1) % len(ring)] == end:
                    return ring, k
    return None


def _toward(node: Node, other: Node) -> Node:
    dx, dy = other[0] - node[0], other[1] - node[1]
    length = math.hypot(dx, dy)
    t = min(_CORNER_MM / length, 0.4)
    return round(node[0] + t * dx), round(node[1] + t * dy)
