"""Plots (*parcelles*) of addresses: the one that an address lies on or faces, those that its file states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import lead
from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs
from jnt_pipeline.territory.identity.pair_tables import Shares, looked_up, pair_table
from jnt_pipeline.territory.identity.registers import Register, Statements

__all__ = ["Plots", "on_plots"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """The parcel of each address, shape (n,), and what address files state."""

    nearest: Index
    """The parcel that the address lies on, or else faces: on the axis of a street the houses stand back by more or
    less, and the fronts of the plots are in line. -1: none in reach."""
    gap_m: Floats
    """How far it is, metres; 0 on it."""
    lead_m: Floats
    """By how much it is nearer than the next one, metres, 0 to 10."""
    stated: Statements

    @staticmethod
    def of(addresses: Register, parcels: Register, within_m: float) -> Plots:
        """Parcels within some metres of the addresses."""
        n = len(addresses)
        nearest, gaps, leads = np.full(n, -1, dtype=np.intp), np.full(n, np.inf), np.zeros(n)
        a, p = candidate_pairs(addresses.shapes, parcels.shapes, within_m)
        gap = shapely.distance(addresses.shapes[a], parcels.shapes[p])
        order = np.lexsort((p, gap, a))
        first = order[np.unique(a[order], return_index=True)[1]]
        nearest[a[first]], gaps[a[first]] = p[first], gap[first]
        leads[a[first]] = np.maximum(lead(gap, a, n)[first], 0)
        return Plots(
            nearest=nearest, gap_m=gaps, lead_m=leads, stated=Statements.of(addresses.texts("parcel_ids"), parcels.ids)
        )

    def of_nearest(self) -> tuple[Index, Index]:
        """Pairs (address, parcel)."""
        known = np.flatnonzero(self.nearest >= 0)
        return known, self.nearest[known]


def on_plots(address: Index, parcel: Index, shares: Shares, i: Index, j: Index) -> tuple[Floats, Floats]:
    """For pairs (address i, building j): how the building lies on the address's parcels, given as pairs.

    First the share of the building on them, 0 to 1. Second whether it is the main building there: its area on them over
    the largest such area among the buildings that the address is compared with, 0 to 1. A building that extends over
    several plots is the main one of each, an annexe of none.
    """
    on = pd.DataFrame(
        {"right": shares.building, "parcel": shares.parcel, "share": shares.share, "area": shares.area_m2}
    )
    both = pd.DataFrame({"left": address, "parcel": parcel}).drop_duplicates().merge(on, on="parcel")
    both = both.sort_values(["left", "right", "parcel"])
    sums = both.groupby(["left", "right"], as_index=False)[["share", "area"]].sum()
    share = np.clip(looked_up(pair_table(sums, "share"), i, j), 0, 1)
    area = looked_up(pair_table(sums, "area"), i, j)
    largest = np.zeros(int(i.max(initial=-1)) + 1)
    np.maximum.at(largest, i, area)
    return share, np.divide(area, largest[i], out=np.zeros(len(i)), where=area > 0)
