"""Validity, area and box of polygons, ring by ring: proved by exact signs, and left to GEOS where they do not prove it.

A polygon of one ring is valid (OGC 06-103r4, 6.1.11) when no two of its edges meet but at the vertex that neighbours
share. A sign of an orientation counts only beyond the rounding error of its two products; a ring with an undecided
one is not judged here, nor is a polygon with holes or a geometry of several parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.vectors.compiled import compiled
from jnt_pipeline.base_layers.vectors.wkb import Polygons

__all__ = ["LONGEST_RING", "areas_and_boxes", "proved_valid"]

LONGEST_RING = 256
"""Vertices beyond which GEOS, whose time grows more slowly, judges a ring that is not convex."""


def proved_valid(polygons: Polygons, coordinates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Shape (n,): True where a record is valid beyond doubt; False says nothing.

    Parameters
    ----------
    coordinates : (m, 2) float64
        The coordinates to judge, in the order of ``polygons.coordinates``; finite.
    """
    sound = np.zeros(len(polygons.record_rings) - 1, dtype=np.bool_)
    _prove(np.ascontiguousarray(coordinates), polygons.ring_starts, polygons.record_rings, sound)
    return sound


def areas_and_boxes(
    polygons: Polygons, coordinates: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas, shape (n,), square units of the coordinates, added up as GEOS does; and boxes, shape (n, 4)."""
    n = len(polygons.record_rings) - 1
    areas, boxes = np.empty(n), np.empty((n, 4))
    _measure(
        np.ascontiguousarray(coordinates),
        polygons.ring_starts,
        polygons.ring_is_shell,
        polygons.record_rings,
        areas,
        boxes,
    )
    return areas, boxes


@compiled
def _prove(p: Any, ring_starts: Any, record_rings: Any, sound: Any) -> None:
    # Relative error of a difference of two products of differences: J. R. Shewchuk, Adaptive Precision
    # Floating-Point Arithmetic, 1997, ccwerrboundA = (3 + 16 ε) ε with ε = 2⁻⁵³.
    bound = 3.3306690738754716e-16
    for record in range(len(record_rings) - 1):
        ring = record_rings[record]
        if record_rings[record + 1] - ring != 1:
            continue
        first = ring_starts[ring]
        n = ring_starts[ring + 1] - first - 1  # edges
        # Convex: it turns one way at every vertex, and once around: x goes up and down once.
        n_left, n_right, n_turns = 0, 0, 0
        is_decided = True
        was = 0
        start = 0
        for i in range(n):
            a, b = first + i, first + i + 1
            c = first + (i + 2 if i + 2 <= n else 1)
            left = (p[b, 0] - p[a, 0]) * (p[c, 1] - p[a, 1])
            right = (p[b, 1] - p[a, 1]) * (p[c, 0] - p[a, 0])
            det = left - right
            # an underflow of a product would hide its error; no coordinate of a place comes near it
            if abs(det) <= bound * (abs(left) + abs(right)) or abs(det) < 1e-200:
                is_decided = False
                break
            if det > 0.0:
                n_left += 1
            else:
                n_right += 1
            dx = p[b, 0] - p[a, 0]
            way = 1 if dx > 0.0 else (-1 if dx < 0.0 else 0)
            if way != 0:
                if was not in (0, way):
                    n_turns += 1
                if start == 0:
                    start = way
                was = way
        if not is_decided:
            continue
        if start not in (0, was):
            n_turns += 1
        if (n_left == 0 or n_right == 0) and n_turns == 2:
            sound[record] = True
            continue
        if n > 256:
            continue
        # Otherwise no edge may meet another that is not its neighbour; neighbours turn, as was seen above.
        is_simple = True
        for i in range(n - 2):
            a, b = first + i, first + i + 1
            ax, ay, bx, by = p[a, 0], p[a, 1], p[b, 0], p[b, 1]
            low_x, high_x = min(ax, bx), max(ax, bx)
            low_y, high_y = min(ay, by), max(ay, by)
            last = n - 1 if i == 0 else n  # the first and the last edge are neighbours
            for j in range(i + 2, last):
                c, d = first + j, first + j + 1
                cx, cy, dx, dy = p[c, 0], p[c, 1], p[d, 0], p[d, 1]
                if max(cx, dx) < low_x or min(cx, dx) > high_x or max(cy, dy) < low_y or min(cy, dy) > high_y:
                    continue
                # both ends of one edge on one side of the other: they do not meet
                left, right = (bx - ax) * (cy - ay), (by - ay) * (cx - ax)
                det_c = left - right
                is_sure = abs(det_c) > bound * (abs(left) + abs(right)) + 1e-200
                left, right = (bx - ax) * (dy - ay), (by - ay) * (dx - ax)
                det_d = left - right
                is_sure = is_sure and abs(det_d) > bound * (abs(left) + abs(right)) + 1e-200
                if is_sure and (det_c > 0.0) == (det_d > 0.0):
                    continue
                left, right = (dx - cx) * (ay - cy), (dy - cy) * (ax - cx)
                det_a = left - right
                is_sure = abs(det_a) > bound * (abs(left) + abs(right)) + 1e-200
                left, right = (dx - cx) * (by - cy), (dy - cy) * (bx - cx)
                det_b = left - right
                is_sure = is_sure and abs(det_b) > bound * (abs(left) + abs(right)) + 1e-200
                if is_sure and (det_a > 0.0) == (det_b > 0.0):
                    continue
                is_simple = False
                break
            if not is_simple:
                break
        sound[record] = is_simple


@compiled
def _measure(p: Any, ring_starts: Any, is_shell: Any, record_rings: Any, areas: Any, boxes: Any) -> None:
    for record in range(len(record_rings) - 1):
        total, polygon = 0.0, 0.0
        west = south = np.inf
        east = north = -np.inf
        for ring in range(record_rings[record], record_rings[record + 1]):
            first, last = ring_starts[ring], ring_starts[ring + 1] - 1
            # as GEOS does (Area::ofRingSigned), so that the millimetres are the same
            x0, twice = p[first, 0], 0.0
            for i in range(first + 1, last):
                twice += (p[i, 0] - x0) * (p[i - 1, 1] - p[i + 1, 1])
            area = abs(twice / 2.0)
            if is_shell[ring]:
                total += polygon
                polygon = area
                for i in range(first, last):
                    west, east = min(west, p[i, 0]), max(east, p[i, 0])
                    south, north = min(south, p[i, 1]), max(north, p[i, 1])
            else:
                polygon -= area
        areas[record] = total + polygon
        boxes[record, 0], boxes[record, 1], boxes[record, 2], boxes[record, 3] = west, south, east, north
