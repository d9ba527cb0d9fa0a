"""Which parcels meet, inside a sheet and across: the geometry that the rules about edges share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.quality.rules import Context

__all__ = ["Pairs", "parcel_pairs", "sheet_of_parcels"]

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]

_AT_ONCE = 200_000  # parcels whose neighbours are looked for at once: bounds the memory for pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of parcels that may overlap or touch, one entry for each pair."""

    first: Indices
    """Row of one parcel, shape (n,)."""
    second: Indices
    """Row of the other, greater than ``first``."""
    is_across: NDArray[np.bool_]
    """Whether they lie on different sheets."""
    overlap_m2: Floats
    """Area in common."""
    overlap_length_m: Floats
    """Half the perimeter of what they have in common: the length of a narrow overlap."""
    shared_m: Floats
    """Length of identical boundary; measured across sheets alone, 0 elsewhere."""

    def sliver(self, width_m: float) -> NDArray[np.bool_]:
        """Whether the overlap is narrower than ``width_m`` on average, and wider than nothing."""
        return (self.overlap_m2 > 0) & (self.overlap_m2 < width_m * self.overlap_length_m)


def sheet_of_parcels(context: Context) -> NDArray[np.object_]:
    """Sheet (12 characters) of each parcel, else its section (10): parcels do not state their sheet. Shape (n,).

    The only sheet of a section holds its parcels; of several, the one that holds the representative point does.
    """
    parcels = context.layers["parcels"]
    ids = parcels["parcel_id"].astype("object").fillna("").astype(str)
    sections: pd.Series[Any] = parcels["section_id"].astype("object").where(parcels["section_id"].notna(), ids.str[:10])
    found = sections.astype(str).to_numpy(dtype=object).copy()
    sheets = context.layers.get("sheets")
    if sheets is None or not len(sheets):
        return found
    of_section = sheets["sheet_id"].astype(str).str[:10]
    single = sheets[~of_section.duplicated(keep=False)]
    table = dict(zip(single["sheet_id"].astype(str).str[:10], single["sheet_id"].astype(str), strict=True))
    mapped = pd.Series(found).map(table)
    found = mapped.where(mapped.notna(), pd.Series(found)).to_numpy(dtype=object).copy()
    several = sheets[of_section.duplicated(keep=False)].sort_values("sheet_id")
    rows = np.flatnonzero(np.isin(found.astype(str), of_section[several.index].unique().astype(str)))
    if len(rows):
        points = shapely.point_on_surface(np.asarray(parcels.geometry)[rows])
        which, sheet = shapely.STRtree(np.asarray(several.geometry)).query(points, predicate="within")
        names = several["sheet_id"].astype(str).to_numpy(dtype=object)[sheet]
        fits = np.array([str(name)[:10] for name in names], dtype=object) == found[rows][which]
        order = np.lexsort((names[fits].astype(str), which[fits]))[::-1]  # the first sheet by id is written last
        found[rows[which[fits][order]]] = names[fits][order]
    return found


def parcel_pairs(context: Context) -> Pairs:
    """All pairs of parcels that overlap, and those across sheets that touch or lie within ``gap_max_m``.

    Inside a sheet parcels share their vertices, and a linear check of the coverage tells the few that do not: only
    these are intersected. Across sheets every pair of neighbours is.
    """
    parcels = context.layers["parcels"]
    shapes = np.asarray(parcels.geometry)
    sheets = pd.factorize(context.once(sheet_of_parcels))[0]
    unclean = ~shapely.is_empty(_coverage_faults(shapes, sheets))
    tree = shapely.STRtree(shapes)
    reach = context.parameters.gap_max_m
    firsts, seconds = [], []
    for start in range(0, len(shapes), _AT_ONCE):
        west, south, east, north = shapely.bounds(shapes[start : start + _AT_ONCE]).T
        boxes = shapely.box(west - reach, south - reach, east + reach, north + reach)
        first, second = tree.query(boxes)
        first = first + start
        wanted = (first < second) & ((sheets[first] != sheets[second]) | unclean[first] | unclean[second])
        firsts.append(first[wanted])
        seconds.append(second[wanted])
    first = np.concatenate(firsts) if firsts else np.empty(0, dtype=np.intp)
    second = np.concatenate(seconds) if seconds else np.empty(0, dtype=np.intp)
    near = shapely.dwithin(shapes[first], shapes[second], reach)
    first, second = first[near], second[near]
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    across = sheets[first] != sheets[second]
    common = shapely.intersection(shapes[first], shapes[second])
    area = shapely.area(common)
    shared = np.zeros(len(first))
    edges = [shapely.boundary(shapes[rows[across]]) for rows in (first, second)]
    shared[across] = shapely.length(shapely.intersection(*edges))
    length = np.where(area > 0, shapely.length(common) / 2, 0.0)
    return Pairs(
        first=first, second=second, is_across=across, overlap_m2=area, overlap_length_m=length, shared_m=shared
    )


def _coverage_faults(shapes: NDArray[np.object_], sheets: NDArray[np.intp]) -> NDArray[np.object_]:
    """For each parcel the edges that do not match those of its neighbours on the same sheet; sheet by sheet."""
    faults = np.full(len(shapes), shapely.LineString(), dtype=object)
    order = np.argsort(sheets, kind="stable")
    starts = np.flatnonzero(np.diff(sheets[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        faults[rows] = shapely.coverage_invalid_edges(shapes[rows])
    return faults
