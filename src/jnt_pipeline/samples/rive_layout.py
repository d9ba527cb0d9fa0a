"""Layout of the riverside town: quay, streets, and which block holds what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.extent import SampleExtent
from jnt_pipeline.samples.layout import Frame, Intervals, Layout, inside_any, place_blocks
from jnt_pipeline.samples.sites import RIVE

__all__ = ["STREET_M", "in_street", "lay_out", "row_zero"]

STREET_M = 9.0
"""Width of a street across the town, metres."""
TOWN_ROWS = ((-60.0, -14.0), (-6.0, 44.0), (53.0, 101.0), (110.0, 136.0))
"""Rows of blocks of the town proper (v, metres): old town, centre, terrace of houses, hillside."""
NORTH_ROW_M, SOUTH_ROW_M, OUTER_DEPTH_M = 146.0, -160.0, 46.0


def in_street(layout: Layout, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points lie in a street or on the quay (paved), own axes."""
    across = ~inside_any(u, layout.columns)
    along = ~inside_any(v, layout.rows)
    built = (v > TOWN_ROWS[0][0]) | (v < SOUTH_ROW_M)
    return np.asarray((across | along) & built | (v <= TOWN_ROWS[0][0]) & (v > -79.0))


def row_zero(layout: Layout) -> int:
    """Index of the old town among the rows."""
    return layout.rows.index(TOWN_ROWS[0])


def _columns(seed: int, reach: float) -> Intervals:
    rng = stream(seed, "columns")
    half = round(35 + 5 * rng.random(), 1)
    columns = [(-half, half)]
    while columns[-1][1] < reach:
        east = columns[-1][1] + STREET_M
        west = columns[0][0] - STREET_M
        columns.append((east, round(east + 62 + 18 * rng.random(), 1)))
        columns.insert(0, (round(west - 62 - 18 * rng.random(), 1), west))
    return tuple(columns)


def _rows(reach: float) -> Intervals:
    rows = list(TOWN_ROWS)
    while rows[-1][1] < reach:
        start = max(rows[-1][1] + STREET_M, NORTH_ROW_M)
        rows.append((start, start + OUTER_DEPTH_M))
    south = SOUTH_ROW_M
    while south > -reach:
        rows.insert(0, (south - OUTER_DEPTH_M, south))
        south -= OUTER_DEPTH_M + STREET_M
    return tuple(rows)


_SPECIAL = {(0, -2): "market", (1, 0): "courtyard", (1, 1): "school", (1, -1): "townhall", (1, 2): "flats"}
"""Blocks with a part to play, by (row, column); all lie inside the smallest sample."""


def _kind(seed: int, row: int, column: int) -> str:
    if (row, column) in _SPECIAL:
        return _SPECIAL[row, column]
    chance = stream(seed, "kind", row + 1000, column + 1000).random()
    if row in {0, 1}:
        # The old town thins out away from its middle.
        return "rows" if abs(column) <= 5 or chance < 0.5 else "houses"
    if row == 2 or (row == 3 and abs(column) <= 3):
        return "houses"
    return "houses" if chance < 0.45 else "field"


def lay_out(seed: int, extent: SampleExtent) -> Layout:
    """Draw streets and blocks."""
    frame = Frame(origin=RIVE.origin, angle_deg=round(3.5 + 1.5 * stream(seed, "frame").random(), 3))
    east, north = RIVE.origin
    reach = float(max(extent.east - east, north - extent.south, extent.north - north)) + 100
    columns, rows = _columns(seed, reach), _rows(reach)
    empty = Layout(seed=seed, extent=extent, frame=frame, columns=columns, rows=rows, blocks=())
    blocks = place_blocks(empty, len(columns) // 2, row_zero(empty), lambda row, column: _kind(seed, row, column))
    return replace(empty, blocks=blocks)
