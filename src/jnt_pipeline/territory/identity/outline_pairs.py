"""Pairs of outlines (*emprises*) and what geometry says of them: overlaps, likeness of form, and rivals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.offsets import moved
from jnt_pipeline.territory.outlines import Geometries

__all__ = ["OutlinePairs", "candidate_pairs", "compared"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinePairs:
    """Columns of one length, a row for each pair; sorted by ``left``, then ``right``."""

    left: Index
    right: Index
    common_m2: Floats
    """Area in common, m²."""
    share_left: Floats
    """Share of the left outline in common, 0 to 1; 0 for a point."""
    share_right: Floats
    iou: Floats
    """Intersection over union (Jaccard 1901), 0 to 1."""
    gap_m: Floats
    """Distance between the outlines, metres; 0 where they meet."""
    centroid_m: Floats
    """Distance between the centroids, metres."""
    form: Floats
    """Intersection over union once the centroids are laid on each other, 0 to 1: likeness of size and form."""
    taken_left: Floats
    """Share of the left outline that other outlines of the right register cover, 0 to 1."""
    taken_right: Floats


def candidate_pairs(left: Geometries, right: Geometries, within_m: float) -> tuple[Index, Index]:
    """Pairs not farther apart than that, sorted."""
    i, j = shapely.STRtree(right).query(left, predicate="dwithin", distance=within_m)
    order = np.lexsort((j, i))
    return i[order], j[order]


def compared(left: Geometries, right: Geometries, i: Index, j: Index) -> OutlinePairs:
    """What geometry says of the pairs ``(left[i], right[j])``; all overlapping pairs must be among them, once."""
    a, b = left[i], right[j]
    area_a, area_b = shapely.area(a), shapely.area(b)
    common = np.zeros(len(i))
    meet = (area_a > 0) & (area_b > 0) & shapely.intersects(a, b)
    common[meet] = shapely.area(shapely.intersection(a[meet], b[meet]))
    middle = shapely.get_coordinates(shapely.centroid(b)) - shapely.get_coordinates(shapely.centroid(a))
    form = np.zeros(len(i))
    # Areas bound the likeness from above: where it cannot reach a half, it is not computed.
    alike = np.minimum(area_a, area_b) >= 0.5 * np.maximum(area_a, area_b)
    alike &= area_b > 0
    laid = shapely.area(shapely.intersection(a[alike], moved(b[alike], -middle[alike])))
    form[alike] = laid / (area_a[alike] + area_b[alike] - laid)
    share_a, share_b = _divided(common, area_a), _divided(common, area_b)
    return OutlinePairs(
        left=i, right=j, common_m2=common, share_left=share_a, share_right=share_b,
        iou=_divided(common, area_a + area_b - common),
        gap_m=shapely.distance(a, b),
        centroid_m=np.hypot(middle[:, 0], middle[:, 1]),
        form=form,
        taken_left=np.clip(_sums(share_a, i, len(left)) - share_a, 0, 1),
        taken_right=np.clip(_sums(share_b, j, len(right)) - share_b, 0, 1),
    )  # fmt: skip


def _sums(values: Floats, of: Index, n: int) -> Floats:
    """Sum of each thing's values, at each of its pairs."""
    sums: Floats = np.bincount(of, weights=values, minlength=n).astype(np.float64)
    return sums[of]


def _divided(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
