"""Layout of the coastal village: u along the coast to the south, v inland; coastal road, streets, the ravine's gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.layout import Frame, Intervals, Layout, inside_any, place_blocks
from jnt_pipeline.samples.sites import LAGON

__all__ = ["COAST_ROWS", "RAVINE_U", "ROAD_V", "is_along_street", "lay_out_coast"]

STREET_M = 9.0
"""Width of a street up the slope, metres."""
COAST_ROWS = ((-62.0, -24.0), (-14.0, 34.0), (43.0, 85.0), (93.0, 135.0))
"""Rows of blocks of the village (v, metres): back-shore, centre, Creole houses, the upper row."""
ROAD_V = (-24.0, -14.0)
"""The coastal road (*route littorale*)."""
UPPER_ROW_M, OUTER_DEPTH_M = 144.0, 46.0
RAVINE_U, RAVINE_GAP_M = 98.0, 18.0
"""Middle line of the ravine, and how far from it on either side nothing is built."""


def is_along_street(layout: Layout, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points lie in a street of the village, own axes; no street but the coastal road crosses the ravine."""
    up, along = ~inside_any(u, layout.columns), ~inside_any(v, layout.rows)
    in_village = (v > COAST_ROWS[0][0]) & (v < COAST_ROWS[-1][1])
    in_gap = np.abs(u - RAVINE_U) < RAVINE_GAP_M
    on_road = (v > ROAD_V[0]) & (v < ROAD_V[1])
    return np.asarray(in_village & (up | along) & ~in_gap | on_road)


def _columns(seed: int, reach: float) -> Intervals:
    rng = stream(seed, "columns")
    half = round(34 + 3 * rng.random(), 1)
    columns = [(-half, half), (half + STREET_M, RAVINE_U - RAVINE_GAP_M)]
    east = RAVINE_U + RAVINE_GAP_M
    while columns[-1][1] < reach:
        columns.append((east, round(east + 62 + 18 * rng.random(), 1)))
        east = columns[-1][1] + STREET_M
    while columns[0][0] > -reach:
        west = columns[0][0] - STREET_M
        columns.insert(0, (round(west - 62 - 18 * rng.random(), 1), west))
    return tuple(columns)


def _rows(reach: float) -> Intervals:
    rows = list(COAST_ROWS)
    while rows[-1][1] < reach:
        start = max(rows[-1][1] + STREET_M, UPPER_ROW_M)
        rows.append((start, start + OUTER_DEPTH_M))
    return tuple(rows)


_SPECIAL = {(0, -1): "market", (1, 0): "centre", (1, 1): "shelter", (1, -1): "flats"}
"""Blocks with a part to play, by (row, column); all lie inside the smallest sample."""


def _kind(seed: int, row: int, column: int) -> str:
    if (row, column) in _SPECIAL:
        return _SPECIAL[row, column]
    chance = stream(seed, "kind", row + 1000, column + 1000).random()
    if row in {0, 1}:
        return "houses" if abs(column) <= 4 or chance < 0.5 else "field"
    if row == 2:
        return "cases"
    return "houses" if chance < (0.6 if row == 3 else 0.12) else "field"


def lay_out_coast(seed: int, extent: SampleExtent) -> Layout:
    """Draw streets and blocks."""
    # The coast runs from north-north-west to south-south-east; v points inland, a little north of east.
    frame = Frame(origin=LAGON.origin, angle_deg=round(-81.0 + 2.0 * stream(seed, "frame").random(), 3))
    east, north = LAGON.origin
    reach = float(max(extent.east - east, north - extent.south, extent.north - north)) + 100
    columns, rows = _columns(seed, reach), _rows(reach)
    empty = Layout(seed=seed, extent=extent, frame=frame, columns=columns, rows=rows, blocks=())
    middle = next(i for i, (u0, u1) in enumerate(columns) if u0 < 0 < u1)
    return replace(empty, blocks=place_blocks(empty, middle, 0, lambda row, column: _kind(seed, row, column)))
