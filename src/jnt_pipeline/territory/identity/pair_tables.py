"""Values by pair (*tables de paires*): how buildings lie on parcels, and look-ups of what is known of a pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs
from jnt_pipeline.territory.identity.registers import Register, Statements

__all__ = ["Shares", "looked_up", "pair_table", "silent"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How buildings of the cadastre lie on parcels: rows (building, parcel), sorted."""

    building: Index
    parcel: Index
    area_m2: Floats
    share: Floats
    """Share of the building, 0 to 1."""

    @staticmethod
    def none() -> Shares:
        """No building stands on any parcel: there are no parcels."""
        return Shares(
            building=np.empty(0, np.intp), parcel=np.empty(0, np.intp), area_m2=np.empty(0), share=np.empty(0)
        )

    @staticmethod
    def of(buildings: Register, parcels: Register) -> Shares:
        """All overlaps with an area."""
        i, j = candidate_pairs(buildings.shapes, parcels.shapes, 0.0)
        area = shapely.area(shapely.intersection(buildings.shapes[i], parcels.shapes[j]))
        keep = area > 0
        i, j, area = i[keep], j[keep], area[keep]
        return Shares(building=i, parcel=j, area_m2=area, share=area / shapely.area(buildings.shapes[i]))


def pair_table(frame: pd.DataFrame, value: str) -> pd.Series:
    """The column ``value`` by the columns ``left`` and ``right``."""
    table: pd.Series = frame.set_index(["left", "right"])[value]
    return table


def looked_up(table: pd.Series, i: Index, j: Index) -> Floats:
    """Values of a ``pair_table`` for the pairs (i, j), 0 where it has none."""
    values: Floats = table.reindex(pd.MultiIndex.from_arrays([i, j])).fillna(0.0).to_numpy(dtype=np.float64)
    return values


def silent(register: Register) -> Statements:
    """What a register says that states nothing."""
    return Statements.of(np.full(len(register), "", dtype=object), register.ids[:0])
