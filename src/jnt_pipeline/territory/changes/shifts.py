"""Shifts (*décalages*): many things of one sheet that a reworked plan (*remaniement*) moved by the same vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import KDTree

from jnt_pipeline.territory.changes.editions import Edition, Index, Masks, Vectors
from jnt_pipeline.territory.changes.parameters import ChangeParameters
from jnt_pipeline.territory.changes.sameness import centres, pairs_nearby, said_once, same_shapes, translated

__all__ = ["Shift", "find_shifts", "local_vectors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One vector, and the pairs (position in old, position in new) that moved by it."""

    vector_m: tuple[float, float]
    """East and north in the twin's CRS, metres, to the millimetre."""
    old: Index
    new: Index


def find_shifts(
    old: Edition, new: Edition, rest_old: Index, rest_new: Index, parameters: ChangeParameters, *, by_key: bool
) -> list[Shift]:
    """The shifts among the areas that are not where they were, in the order of group and number of things.

    A pair counts when the new outline is the old one moved. Pairs come from the keys (``by_key``), else from
    outlines that have exactly one such partner within ``max_shift_m``, both ways. Of the vectors of a group (section,
    else commune) the most frequent is taken, with those within the tolerance of it; then the next.
    """
    i, j = _moved_pairs(old, new, rest_old, rest_new, parameters, by_key=by_key)
    vectors = centres(new.shapes[j]) - centres(old.shapes[i])
    shifts: list[Shift] = []
    for group in sorted(set(old.groups[i])):
        left = np.flatnonzero(old.groups[i] == group)
        while left.size >= parameters.min_shifted:
            vector, members = _densest(vectors[left], parameters.tolerance_m)
            if members.sum() < parameters.min_shifted:
                break
            pairs = left[members]
            shifts.append(Shift(vector_m=vector, old=i[pairs], new=j[pairs]))
            left = left[~members]
    return shifts


def local_vectors(places: Vectors, anchors: Vectors, vectors: Vectors) -> Vectors:
    """The vector, shape (n, 2), of the nearest anchor of each place: by how much the ground moved there, metres."""
    if not (len(anchors) and len(places)):
        return np.zeros_like(places)
    _, nearest = KDTree(anchors).query(places)
    found: Vectors = vectors[nearest]
    return found


def _moved_pairs(
    old: Edition, new: Edition, rest_old: Index, rest_new: Index, parameters: ChangeParameters, *, by_key: bool
) -> tuple[Index, Index]:
    rest_old = rest_old[shapely.get_dimensions(old.shapes[rest_old]) == 2]
    rest_new = rest_new[shapely.get_dimensions(new.shapes[rest_new]) == 2]
    if by_key:
        _, a, b = np.intersect1d(old.keys[rest_old].astype("U"), new.keys[rest_new].astype("U"), return_indices=True)
    else:
        a, b = pairs_nearby(old.shapes[rest_old], new.shapes[rest_new], parameters.max_shift_m)
    i, j = rest_old[a], rest_new[b]
    offsets = centres(new.shapes[j]) - centres(old.shapes[i])
    congruent = same_shapes(translated(old.shapes[i], offsets), new.shapes[j], parameters.tolerance_m)
    i, j = i[congruent], j[congruent]
    alone = said_once(i) & said_once(j)
    return i[alone], j[alone]


def _densest(vectors: Vectors, tolerance_m: float) -> tuple[tuple[float, float], Masks]:
    """The vector with the most others around it (their mean), and which are within the tolerance of that mean."""
    tree = KDTree(vectors)
    counts = tree.query_ball_point(vectors, tolerance_m, return_length=True)
    best = np.lexsort((vectors[:, 1], vectors[:, 0], -counts))[0]
    mean = vectors[tree.query_ball_point(vectors[best], tolerance_m)].mean(axis=0).round(3)
    members = np.hypot(*(vectors - mean).T) <= tolerance_m
    return (float(mean[0]), float(mean[1])), members
