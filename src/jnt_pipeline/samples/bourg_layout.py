"""Layout of the village: u along the high street to the east, v up the hill; rows of blocks from brook to vines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.layout import Frame, Intervals, Layout, inside_any, place_blocks
from jnt_pipeline.samples.sites import BOURG

__all__ = ["BRIDGE_U", "BROOK_V", "is_along_street", "lay_out_village", "street_of"]

COLUMNS: Intervals = ((-205.0, -130.0), (-121.0, -46.0), (-37.0, 38.0), (47.0, 122.0), (131.0, 206.0))
ROWS: Intervals = ((-156.0, -106.0), (-97.0, -45.0), (-36.0, 10.0), (19.0, 65.0), (74.0, 120.0))
"""Rows of blocks (v, metres): meadows (*prés*), farms, the old village along its high street, gardens, vines."""
ROW_ZERO, COLUMN_ZERO = 2, 2
STREETS = {-1: "Chemin du Moulin", 0: "Grande Rue", 1: "Rue de l'École", 2: "Chemin des Vignes"}
"""Name of the street below each row of blocks that has addresses."""
BRIDGE_U, BROOK_V = -41.5, -178.0
"""The lane to the mill crosses the brook here."""

_SPECIAL = {(0, 0): "centre", (0, -1): "terraces", (0, 1): "terraces", (1, 1): "school"}
"""Blocks with a part to play, by (row, column)."""


def is_along_street(layout: Layout, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points lie in a street, own axes; the lane to the mill runs on across the meadows and the brook."""
    up, along = ~inside_any(u, layout.columns), ~inside_any(v, layout.rows)
    in_village = (v > ROWS[1][0] - 9.0) & (v < ROWS[-1][1]) & (u > COLUMNS[0][0]) & (u < COLUMNS[-1][1])
    on_lane = (np.abs(u - BRIDGE_U) < 2.5) & (v < ROWS[1][0])
    return np.asarray(in_village & (up | along) | on_lane)


def street_of(row: int, *, faces_north: bool) -> str:
    """Name of the street that a lot of a row of blocks lies on."""
    return STREETS[min(row + 1, 2) if faces_north else row]


def _kind(row: int, column: int) -> str:
    if row in {-2, -1}:
        return "meadow" if row == -2 else "farms"
    return _SPECIAL.get((row, column), "houses" if row < 2 else "vines")


def lay_out_village(seed: int, extent: SampleExtent) -> Layout:
    """Draw streets and blocks; only the angle of the village owes something to chance."""
    frame = Frame(origin=BOURG.origin, angle_deg=round(8.0 + 2.0 * stream(seed, "frame").random(), 3))
    empty = Layout(seed=seed, extent=extent, frame=frame, columns=COLUMNS, rows=ROWS, blocks=())
    return replace(empty, blocks=place_blocks(empty, COLUMN_ZERO, ROW_ZERO, _kind))
