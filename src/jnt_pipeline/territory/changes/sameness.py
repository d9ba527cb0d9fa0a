"""Whether two outlines are the same but for the way in which they were written."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.changes.editions import Index, Masks, Vectors
from jnt_pipeline.territory.outlines import Geometries

__all__ = ["centres", "one_to_one", "pairs_nearby", "said_once", "same_shapes", "translated"]


def same_shapes(left: Geometries, right: Geometries, tolerance_m: float) -> Masks:
    """Whether each pair, shape (n,), is nowhere further apart than the tolerance, metres.

    Start and order of vertices, winding, vertices in the middle of a straight edge, and rounding do not count.
    Hausdorff distance of the vertices of each to the lines of the other, and areas that differ by no more than a
    seam of that width.
    """
    same = shapely.equals_exact(left, right, tolerance=0)
    apart = np.abs(shapely.bounds(left) - shapely.bounds(right)).reshape(-1, 4).max(axis=1) > tolerance_m
    other_kind = shapely.get_dimensions(left) != shapely.get_dimensions(right)
    open_ = np.flatnonzero(~same & ~apart & ~other_kind)
    if open_.size:
        a, b = left[open_], right[open_]
        seam = tolerance_m * np.maximum(shapely.length(a), shapely.length(b))
        alike = np.abs(shapely.area(a) - shapely.area(b)) <= seam
        same[open_] = alike & (shapely.hausdorff_distance(a, b) <= tolerance_m)
    return np.asarray(same, dtype=np.bool_)


def centres(shapes: Geometries) -> Vectors:
    """Shape (n, 2): centroid of each, metres."""
    points = shapely.centroid(shapes)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def translated(shapes: Geometries, by: Vectors) -> Geometries:
    """Each outline moved by its own vector, shape (n, 2), metres."""
    _, owner = shapely.get_coordinates(shapes, return_index=True)
    moved: Geometries = shapely.transform(shapes, lambda xy: xy + by[owner])
    return moved


def pairs_nearby(left: Geometries, right: Geometries, distance_m: float) -> tuple[Index, Index]:
    """Pairs whose boxes have their centres within a distance, metres."""
    if not (len(left) and len(right)):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    i, j = shapely.STRtree(_middles(right)).query(_middles(left), predicate="dwithin", distance=distance_m)
    return i, j


def _middles(shapes: Geometries) -> Geometries:
    boxes = shapely.bounds(shapes).reshape(-1, 4)
    return np.asarray(shapely.points((boxes[:, :2] + boxes[:, 2:]) / 2), dtype=object)


def said_once(positions: Index) -> Masks:
    """Which of the positions, shape (n,), occur a single time."""
    _, inverse, count = np.unique(positions, return_inverse=True, return_counts=True)
    once: Masks = count[inverse] == 1
    return once


def one_to_one(i: Index, j: Index, *ranks: NDArray[np.generic]) -> Masks:
    """Which of the pairs to keep so that nothing is in two: the best ranks first, then the smaller positions."""
    kept = np.zeros(len(i), dtype=np.bool_)
    taken_i: set[int] = set()
    taken_j: set[int] = set()
    for pair in np.lexsort((j, i, *reversed(ranks))):
        a, b = int(i[pair]), int(j[pair])
        if a not in taken_i and b not in taken_j:
            kept[pair] = True
            taken_i.add(a)
            taken_j.add(b)
    return kept
