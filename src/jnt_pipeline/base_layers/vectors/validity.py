"""Validity, area and box of polygons, ring by ring: proved by exact signs, and left to GEOS where they do not prove it.

A polygon of one ring is valid (OGC 06-103r4, 6.1.11) when no two of its edges meet but at the vertex that neighbours
share. Two thirds of all parcels and buildings are shown so by one round about their middle, the others edge by edge.
A sign of an orientation counts only beyond the rounding error of its two products; a ring with an undecided one is not
judged here, nor is a polygon with holes or a geometry of several parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.vectors.wkb import Polygons
from jnt_pipeline.libraries.compiled import compiled

__all__ = ["LONGEST_RING", "areas_and_boxes", "proved_valid"]

LONGEST_RING = 256
"""Edges beyond which GEOS, whose time grows more slowly, judges a ring that is no star."""


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
    sides, met = np.empty((LONGEST_RING, 4)), np.empty(LONGEST_RING, dtype=np.int64)
    for record in range(len(record_rings) - 1):
        ring = record_rings[record]
        if record_rings[record + 1] - ring != 1:
            continue
        first = ring_starts[ring]
        n = ring_starts[ring + 1] - first - 1  # edges
        sound[record] = _is_star(p, first, n) or (n <= LONGEST_RING and _is_simple(p, first, n, sides, met))


@compiled
def _turn(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """Side of b on which a → c lies of a → b: 1 left, -1 right, 0 where rounding leaves it open."""
    left, right = (bx - ax) * (cy - ay), (by - ay) * (cx - ax)
    det = left - right
    # Relative error of a difference of two products of differences: J. R. Shewchuk, Adaptive Precision
    # Floating-Point Arithmetic, 1997, ccwerrboundA = (3 + 16 ε) ε with ε = 2⁻⁵³. An underflow of a product would hide
    # its error; no coordinate of a place comes near it.
    bound = 3.3306690738754716e-16 * (abs(left) + abs(right)) + 1e-200
    if det > bound:
        return 1
    return -1 if det < -bound else 0


@compiled
def _is_star(p: Any, first: int, n: int) -> bool:
    """Whether the ring goes once around the mean of its vertices, always the same way: then no edge meets another."""
    cx, cy = 0.0, 0.0
    for i in range(first, first + n):
        cx += p[i, 0] - p[first, 0]
        cy += p[i, 1] - p[first, 1]
    cx, cy = p[first, 0] + cx / n, p[first, 1] + cy / n
    way = _turn(cx, cy, p[first, 0], p[first, 1], p[first + 1, 0], p[first + 1, 1])
    if way == 0:
        return False
    n_rounds = 0
    for i in range(first, first + n):
        if _turn(cx, cy, p[i, 0], p[i, 1], p[i + 1, 0], p[i + 1, 1]) != way:
            return False
        if p[i, 1] <= cy < p[i + 1, 1]:
            n_rounds += 1  # upwards past the height of the mean, on one side of it
    return n_rounds == 1


@compiled
def _is_simple(p: Any, first: int, n: int, sides: Any, met: Any) -> bool:
    """Whether neighbours turn at every vertex, and no other two edges meet; ``sides`` and ``met`` are for n edges."""
    for i in range(n):
        a, b = first + i, first + i + 1
        c = first + (i + 2 if i + 2 <= n else 1)
        if _turn(p[a, 0], p[a, 1], p[b, 0], p[b, 1], p[c, 0], p[c, 1]) == 0:
            return False
        sides[i, 0], sides[i, 1] = min(p[a, 0], p[b, 0]), min(p[a, 1], p[b, 1])
        sides[i, 2], sides[i, 3] = max(p[a, 0], p[b, 0]), max(p[a, 1], p[b, 1])
    for i in range(n - 2):
        west, south, east, north = sides[i]
        n_met = 0
        for j in range(i + 2, n - 1 if i == 0 else n):  # the first and the last edge are neighbours
            met[n_met] = j
            n_met += (
                (sides[j, 0] <= east) & (sides[j, 2] >= west) & (sides[j, 1] <= north) & (sides[j, 3] >= south)
            )  # without a branch: which boxes meet cannot be foreseen
        a, b = first + i, first + i + 1
        ax, ay, bx, by = p[a, 0], p[a, 1], p[b, 0], p[b, 1]
        for k in range(n_met):
            c, d = first + met[k], first + met[k] + 1
            cx, cy, dx, dy = p[c, 0], p[c, 1], p[d, 0], p[d, 1]
            # both ends of one edge on one side of the other: they do not meet
            side = _turn(ax, ay, bx, by, cx, cy)
            if side != 0 and side == _turn(ax, ay, bx, by, dx, dy):
                continue
            side = _turn(cx, cy, dx, dy, ax, ay)
            if side != 0 and side == _turn(cx, cy, dx, dy, bx, by):
                continue
            return False
    return True


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
