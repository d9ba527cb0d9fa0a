"""Counterparts (*correspondances*): which buildings of BD TOPO or the RNB are which footprints, and which are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import Candidates
from jnt_pipeline.territory.identity.offsets import Offsets, moved
from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs
from jnt_pipeline.territory.identity.registers import Register
from jnt_pipeline.territory.outlines import Geometries

__all__ = ["Counterparts", "absent_near", "absent_on", "as_one", "n_within"]

_SMALLEST_M2 = 20.0  # what is smaller is a shed or a garage, which has no address

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterparts:
    """What one register of buildings says of the footprints: links that are more likely true than not."""

    building: Index
    other: Index
    absent: Geometries
    """Outlines from 20 m² on that are no footprint: what the cadastre lacks, where it would draw it."""

    @staticmethod
    def of(found: Candidates, other: Register, offsets: Offsets) -> Counterparts:
        """From the candidates footprint - other and the offsets of the other register."""
        sure = found.score > 0.5
        here = np.ones(len(other), dtype=np.bool_)
        here[found.right[sure]] = False
        here &= ~other.is_point & (shapely.area(other.shapes) >= _SMALLEST_M2)
        absent = moved(other.shapes[here], -offsets.xy[here])
        return Counterparts(building=found.left[sure], other=found.right[sure], absent=absent)


def n_within(registers: Sequence[Counterparts], n: int) -> Floats:
    """Shape (n,): how many buildings other registers make of a footprint, one at least; the mean of the registers."""
    counts = [np.bincount(one.building, minlength=n) for one in registers]
    return np.mean([np.maximum(count, 1) for count in counts], axis=0) if counts else np.ones(n)


def as_one(registers: Sequence[Counterparts], j: Index, k: Index, n: int) -> tuple[Floats, Floats]:
    """For pairs of footprints (j, k), shapes (m,): how many registers hold them to be parts of one building, and two.

    ``k`` may be -1, nothing; a register that does not know one of them says neither.
    """
    one, two = np.zeros(len(j)), np.zeros(len(j))
    for register in registers:
        links = pd.DataFrame({"building": register.building, "other": register.other})
        both = links.merge(links, on="other")
        shared = np.isin(j * n + k, both["building_x"].to_numpy() * n + both["building_y"].to_numpy()) & (k >= 0)
        known = np.isin(j, register.building) & np.isin(k, register.building) & (k >= 0)
        one += shared
        two += known & ~shared
    return one, two


def absent_near(
    registers: Sequence[Counterparts], places: Geometries, i: Index, gap_m: Floats, within_m: float
) -> Floats:
    """For pairs (place i, footprint at ``gap_m``), shape (m,): how many registers know a building as near that is none.

    A metre farther counts as near: that is how well outlines are known. None beyond ``within_m``.
    """
    count = np.zeros(len(i))
    for register in registers:
        a, t = candidate_pairs(places, register.absent, within_m)
        nearest = np.full(len(places), np.inf)
        np.minimum.at(nearest, a, shapely.distance(places[a], register.absent[t]))
        count += nearest[i] <= gap_m + 1.0
    return count


def absent_on(registers: Sequence[Counterparts], parcel_of: Index, parcels: Register) -> Floats:
    """Shape (n,): how many registers know a building on a place's parcel (-1: none) that is no footprint."""
    count = np.zeros(len(parcel_of))
    for register in registers:
        t, p = candidate_pairs(register.absent, parcels.shapes, 0.0)
        share = shapely.area(shapely.intersection(register.absent[t], parcels.shapes[p]))
        most = share > 0.5 * shapely.area(register.absent[t])
        count += np.isin(parcel_of, p[most])
    return count
