"""From primitives to geometries: arcs are put together to rings, rings to faces, faces to objects.

The arcs of a face enclose it, whatever side they name: in spaghetti subsets the side means nothing (§2.1), and in the
others it says twice what the arcs say. A ring is left and a hole begins where the outline comes back to a point: holes
that touch the outer ring are rings of their own, as OGC Simple Features wants. Nothing is closed, snapped or repaired.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.sources.edigeo.content import Arc, Content, Feature, Key

__all__ = ["BrokenOutlineError", "geometry_of", "sides_at_fault"]

Array = NDArray[np.float64]
Point = tuple[int, int]
"""Coordinates in millimetres, exact: a sheet states them to the centimetre."""
_PER_METRE = 1000.0


class BrokenOutlineError(Exception):
    """An object whose primitives do not make a geometry; never leaves this package."""


def geometry_of(feature: Feature, content: Content) -> shapely.Geometry | None:
    """Polygon, line or point of an object, single or multiple, in the sheet's reference; None when it has no primitive.

    Faces that share a border are one polygon; faces that overlap stay apart, and make an invalid geometry.
    Raises ``BrokenOutlineError`` when primitives are missing, described twice, or do not close.
    """
    primitives = content.built_of.get(feature.key, [])
    kinds = {kind for kind, _, _ in primitives}
    if not kinds:
        return None
    if len(kinds) > 1:
        raise BrokenOutlineError(f"made of {', '.join(sorted(kinds))} at once")
    keys = [key for _, key, _ in primitives]
    kind = kinds.pop()
    if kind == "PFE":
        return _surface([_face(key, content) for key in keys])
    if kind == "PAR":
        lines = [_arc(key, content)[:: -1 if way == "M" else 1] for _, key, way in primitives]
        drawn = [shapely.LineString(line) for line in lines]
        return drawn[0] if len(drawn) == 1 else shapely.MultiLineString(drawn)
    if missing := [key for key in keys if key not in content.nodes]:
        raise BrokenOutlineError(f"node {missing[0][1]} is not described")
    points = [shapely.Point(content.nodes[key][0]) for key in keys]
    return points[0] if len(points) == 1 else shapely.MultiPoint(points)


def sides_at_fault(content: Content) -> int:
    """Arcs of topological subsets that do not lie between exactly two faces."""
    sides = Counter(arc for side in (content.left, content.right) for arcs in side.values() for arc in arcs)
    return sum(key[0] in content.topological and sides[key] != 2 for key in content.arcs)


def _surface(faces: Sequence[shapely.Geometry]) -> shapely.Geometry:
    if len(faces) == 1:
        return faces[0]
    apart = shapely.MultiPolygon([part for face in faces for part in shapely.get_parts(face)])
    if apart.is_valid:
        return apart
    try:
        together: shapely.Geometry = shapely.coverage_union_all(np.array(faces, dtype=object))
    except shapely.GEOSException:  # the faces overlap along a border that they share
        return apart
    whole = math.isclose(shapely.area(together), shapely.area(apart), rel_tol=1e-9)
    return together if whole and shapely.is_valid(together) else apart


def _face(key: Key, content: Content) -> shapely.Geometry:
    if key not in content.faces:
        raise BrokenOutlineError(f"face {key[1]} is not described")
    times = Counter([*content.left.get(key, []), *content.right.get(key, [])])
    arcs = [_arc(arc, content) for arc, n in times.items() if n % 2]  # with the face on both sides: no border of it
    if not arcs:
        raise BrokenOutlineError(f"face {key[1]} has no arcs")
    loops = [loop for ring in _rings(arcs) for loop in _simple(ring)]
    return _nested([np.array(loop, dtype=np.float64) / _PER_METRE for loop in loops])


def _arc(key: Key, content: Content) -> Array:
    found = content.arcs.get(key, Arc(None))
    if found.points is None:
        told = "described twice, differently" if key in content.arcs else "not described"
        raise BrokenOutlineError(f"arc {key[1]} is {told}")
    if len(found.points) < 2:
        raise BrokenOutlineError(f"arc {key[1]} has one point")
    return found.points


def _rings(arcs: Sequence[Array]) -> list[list[Point]]:
    """Closed rings, first point repeated at the end, of arcs that meet at their ends."""
    paths = [[(int(x), int(y)) for x, y in np.rint(arc * _PER_METRE)] for arc in arcs]
    rings = [path for path in paths if path[0] == path[-1]]
    unused = {number: path for number, path in enumerate(paths) if path[0] != path[-1]}
    at: dict[Point, list[int]] = {}
    for number, path in unused.items():
        at.setdefault(path[0], []).append(number)
        at.setdefault(path[-1], []).append(number)
    if odd := [point for point, numbers in at.items() if len(numbers) % 2]:
        places = ", ".join(f"({x / _PER_METRE:.2f}, {y / _PER_METRE:.2f})" for x, y in sorted(odd)[:3])
        raise BrokenOutlineError(f"the arcs do not close: open at {places}")
    while unused:
        ring = list(unused.pop(min(unused)))
        while ring[-1] != ring[0]:
            here = ring[-1]
            ways = [number for number in at[here] if number in unused]
            onward = [path if path[0] == here else path[::-1] for path in (unused[number] for number in ways)]
            best = min(range(len(ways)), key=lambda i: _turn(ring[-2], here, onward[i][1]))
            del unused[ways[best]]
            ring.extend(onward[best][1:])
        rings.append(ring)
    return rings


def _turn(before: Point, here: Point, after: Point) -> float:
    """Angle, clockwise from the way back, of a way on; rings that turn least do not cross themselves."""
    back = math.atan2(before[1] - here[1], before[0] - here[0])
    on = math.atan2(after[1] - here[1], after[0] - here[0])
    return (back - on) % (2 * math.pi) or 2 * math.pi


def _simple(ring: list[Point]) -> list[list[Point]]:
    """Loops of a ring that touches itself at a vertex; a way there and back is no loop, and stays where it is."""
    if len(set(ring)) == len(ring) - 1:
        return [ring]
    loops: list[list[Point]] = []
    stack: list[Point] = []
    place: dict[Point, int] = {}
    for point in ring:
        if point in place:
            start = place[point]
            loop = [*stack[start:], point]
            if _encloses(loop):
                loops.append(loop)
                for passed in stack[start + 1 :]:
                    if place.get(passed, -1) > start:
                        del place[passed]
                del stack[start + 1 :]
                continue
        place[point] = len(stack)
        stack.append(point)
    if len(stack) > 1:
        if loops and stack[0] == stack[-1]:
            loops.append(stack)
        elif not loops:
            loops = [ring]
        else:
            raise BrokenOutlineError("the outline goes there and back on itself")
    return loops


def _encloses(loop: list[Point]) -> bool:
    (x0, y0), double = loop[0], 0
    for (xa, ya), (xb, yb) in pairwise(loop):
        double += (xa - x0) * (yb - y0) - (xb - x0) * (ya - y0)
    return len(loop) > 3 and double != 0


def _nested(loops: Sequence[Array]) -> shapely.Geometry:
    """Even-odd: loops inside an odd number of others are holes of the smallest one around them."""
    if any(len(loop) < 4 for loop in loops):
        raise BrokenOutlineError("a ring has fewer than three points")
    polygons = [shapely.Polygon(loop) for loop in loops]
    if len(loops) == 1:
        return polygons[0]
    areas = [polygon.area for polygon in polygons]
    inside = [polygon.representative_point() for polygon in polygons]
    around = [
        [
            j
            for j, polygon in enumerate(polygons)
            if areas[j] > areas[i] and shapely.contains_xy(polygon, point.x, point.y)
        ]
        for i, point in enumerate(inside)
    ]
    parts = []
    for i, outer in enumerate(around):
        if len(outer) % 2 == 0:
            of = [j for j, one in enumerate(around) if len(one) % 2 and min(one, key=lambda k: areas[k]) == i]
            parts.append(shapely.Polygon(loops[i], [loops[j] for j in of]))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
