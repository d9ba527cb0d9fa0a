"""Nodes round which a roof rises and falls twice: there a wall edge would have four walls, which no solid may have.

ISO 19107 wants the shell of a solid to be a 2-manifold. As outlines that touch themselves are thickened
(``outlines.sound_polygons``), one corner of such a node is cut off and given to the face beside it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from shapely.geometry import Polygon

from jnt_pipeline.territory.roofs.faces import RoofFace
from jnt_pipeline.territory.roofs.shells import Node, levels_at_nodes, rings_of

__all__ = ["without_saddles"]

_CORNER_MM = 30
# Cut off along both sides: clear of the grid of 1 mm, less than anyone measures on a roof.
_OUTSIDE = -1

Rings = list[list[list[Node]]]
Sector = tuple[int, Node, Node]
"""A corner of a face at a node: face, node before and node after, the face on the left of both edges."""


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
    """Nodes of three corners or more."""
    count: dict[Node, int] = defaultdict(int)
    for own in rings:
        for ring in own:
            for node in ring:
                count[node] += 1
    return sorted(node for node, n in count.items() if n > 2)


def _saddle(rings: Rings, levels: dict[Node, dict[int, int]], node: Node) -> tuple[Node, Sector] | None:
    """The corner to cut off at a node: one of a face that comes there twice, else the highest hollow of several."""
    sectors = _around(rings, node)
    faces = [face for face, _, _ in sectors]
    twice = [sector for sector in sectors if sector[0] != _OUTSIDE and faces.count(sector[0]) > 1]
    if twice:
        return node, min(twice)
    heights = [-math.inf if face == _OUTSIDE else levels[node][face] for face in faces]
    hollows = [i for i, height in enumerate(heights) if heights[i - 1] > height < heights[(i + 1) % len(heights)]]
    if len(hollows) < 2:
        return None
    return node, sectors[max(hollows, key=lambda i: (heights[i], faces[i]))]


def _around(rings: Rings, node: Node) -> list[Sector]:
    """The corners round a node, counter-clockwise; the outside is one of them."""
    by_after: dict[Node, Sector] = {}
    for number, own in enumerate(rings):
        places = [(ring, k) for ring in own for k, other in enumerate(ring) if other == node]
        befores = [ring[k - 1] for ring, k in places]
        for ring, k in places:
            after = ring[(k + 1) % len(ring)]
            before = befores[0] if len(befores) == 1 else min(befores, key=partial(_turn, node, after))
            by_after[after] = (number, before, after)
    ends = {before for _, before, _ in by_after.values()}
    # The outside ends where a face begins that no other ends at.
    start = after = min((after for after in by_after if after not in ends), default=min(by_after))
    around: list[Sector] = []
    while after in by_after and len(around) < len(by_after):
        around.append(by_after[after])
        after = around[-1][1]
    if after not in by_after:
        around.append((_OUTSIDE, start, after))
    return around


def _turn(at: Node, first: Node, second: Node) -> float:
    """Angle from one way to another, counter-clockwise, radians."""
    a = math.atan2(first[1] - at[1], first[0] - at[0])
    return (math.atan2(second[1] - at[1], second[0] - at[0]) - a) % (2 * math.pi)


def _cut_corner(rings: Rings, node: Node, sector: Sector) -> None:
    number, before, after = sector
    p, q = _toward(node, before), _toward(node, after)
    own = rings[number]
    ending, starting = _of_edge(own, before, node), _of_edge(own, node, after)
    if ending == starting:
        ring = own[ending]
        k = ring.index(node)
        ring[k : k + 1] = [p, q]
    else:
        # A hole touches another ring here: they become one.
        first, second = own[starting], own[ending]
        k, m = first.index(node), second.index(node)
        own[min(starting, ending)] = [*first[k + 1 :], *first[: k + 1], *second[m + 1 :], *second[:m], p, q]
        del own[max(starting, ending)]
    over, back = _place(rings, node, before), _place(rings, after, node)
    if over is not None:
        # The face across the way in takes the corner; the one across the way out gets the new node.
        ring, k = over
        ring[k + 1 : k + 1] = [q, p]
        back = _place(rings, after, node)
        if back is not None:
            ring, k = back
            ring.insert(k + 1, q)
    elif back is not None:
        ring, k = back
        ring[k + 1 : k + 1] = [q, p]


def _of_edge(rings: list[list[Node]], start: Node, end: Node) -> int:
    """The ring that goes from one node to another."""
    return next(
        number
        for number, ring in enumerate(rings)
        for k, node in enumerate(ring)
        if node == start and ring[(k + 1) % len(ring)] == end
    )


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
