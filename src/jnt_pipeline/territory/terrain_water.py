"""Water bodies (*plans d'eau*) and the level of each, settled over the whole twin, whatever the tiling.

A body is an outline of the twin where a register draws one, else water pixels that hang together by their sides. Its
level rests on the mean elevation of the water returns of each pixel, counted in whole millimetres.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.base_layers.columns import Column
from jnt_pipeline.territory.grid import QUANTA_PER_M, Grid, pixel_quanta
from jnt_pipeline.territory.pixel_pieces import LevelCounts, PixelPieces, in_metres
from jnt_pipeline.territory.terrain_confidence import Origin
from jnt_pipeline.territory.terrain_parameters import TerrainParameters

__all__ = [
    "COLUMNS",
    "REASONS",
    "CellWater",
    "Outline",
    "WaterBody",
    "WaterLevel",
    "outlined",
    "settle",
    "water_bodies",
]

COLUMNS: tuple[Column, ...] = (
    Column(
        "water_body_id", "text", "Id of the register's outline, else water_<x>_<y> of its first pixel.", required=True
    ),
    Column("kind", "text", "still (plan d'eau), running (cours d'eau), unknown.", required=True),
    Column("source", "text", "Layer that draws the outline; point_clouds: the water returns alone.", required=True),
    Column("level_m", "number", "Median elevation of its water, metres above the vertical datum."),
    Column("spread_m", "number", "From the 5th to the 95th percentile of its elevations, metres."),
    Column("fall_m", "number", "How far the plane through its elevations falls from end to end, metres."),
    Column("n_pixels_with_returns", "integer", "Pixels with a return of water that the level rests on.", required=True),
    Column("area_m2", "number", "Area of the outline, m²."),
    Column("is_flat", "boolean", "Whether the terrain shows it flat, at its level.", required=True),
    Column("reason", "text", "Why the terrain is left as measured (a key of REASONS); empty where it is flat."),
)
"""Columns of the layer ``water_bodies``; the geometry comes after them."""

REASONS: dict[str, str] = {
    "too_few_returns": "too few pixels with a return of water for a level",
    "running_water": "a register says that the water runs: one level would be a step at its ends",
    "falling_water": "it falls by more than half of water_spread_max_m from end to end, as running water does",
    "no_single_level": "the elevations spread over more than water_spread_max_m: running water, tide, or no water",
}
"""Reason codes in the order in which they are tried, each with a sentence for reports."""

BANK_M = 5.0
"""Water so near an outline, and of its level, is the outline's: BD TOPO draws water to a few metres."""
_FEWEST = 30  # pixels: the median of fewer may be off by more than the noise of one
_WATER = (Origin.WATER, Origin.BETWEEN_WATER)
_UNKNOWN = (Origin.VOID, Origin.BRIDGED)

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A water surface that a register draws."""

    body_id: str
    kind: str
    source: str
    geometry: BaseGeometry
    """Polygon or multipolygon in the twin's CRS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellWater:
    """What one cell knows of its water."""

    grid: Grid
    origin: NDArray[np.uint8]
    returns: NDArray[np.float32]
    """Mean elevation of the water returns of each pixel, metres; NaN without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterLevel:
    """The level of a body, or why it has none."""

    level_m: float | None
    spread_m: float | None
    fall_m: float | None
    n_pixels: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterBody:
    """A body with its level."""

    outline: Outline
    level: WaterLevel


def settle(
    levels_mm: Integers, counts: Integers, fall_m: float, kind: str, parameters: TerrainParameters
) -> WaterLevel:
    """The level that elevations speak for: their median, unless they are too few or lie too far apart.

    Parameters: elevations in whole millimetres, rising, and how many pixels have each; how far they fall from end to
    end; ``kind`` of the body.
    """
    n = int(counts.sum())
    if n == 0:
        return WaterLevel(level_m=None, spread_m=None, fall_m=None, n_pixels=0, reason="too_few_returns")
    ranks = np.cumsum(counts)
    low, middle, high = (int(levels_mm[np.searchsorted(ranks, share * n)]) for share in (0.05, 0.5, 0.95))
    spread_m = (high - low) / 1000
    reason = ""
    if n < _FEWEST:
        reason = "too_few_returns"
    elif kind == "running":
        reason = "running_water"
    elif fall_m > parameters.water_spread_max_m / 2:
        reason = "falling_water"
    elif spread_m > parameters.water_spread_max_m:
        reason = "no_single_level"
    return WaterLevel(level_m=middle / 1000, spread_m=spread_m, fall_m=fall_m, n_pixels=n, reason=reason)


def outlined(
    grid: Grid, origin: NDArray[np.uint8], outlines: Sequence[Outline], *, within_m: float = 0.0
) -> NDArray[np.int32]:
    """Number of the outline that each pixel belongs to, -1 where none; shape (n_rows, n_columns).

    Water pixels, and those where no return tells (voids), belong to the first outline that holds their centre; measured
    ground, and what lies nearest to it, to none: banks and quays stay. ``within_m``: outlines grow by so much, and take
    water pixels alone.
    """
    numbers = np.full(grid.shape, -1, np.int32)
    x, y = grid.x_centres, grid.y_centres
    codes = _WATER if within_m else (*_WATER, *_UNKNOWN)
    chosen = np.isin(origin, np.array(codes, np.uint8))
    for number, outline in enumerate(outlines):
        area = outline.geometry.buffer(within_m) if within_m else outline.geometry
        west, south, east, north = area.bounds
        columns = slice(*np.searchsorted(x, (west, np.nextafter(east, np.inf))))
        rows = slice(*np.searchsorted(-y, (-north, np.nextafter(-south, np.inf))))
        row, column = np.nonzero(chosen[rows, columns] & (numbers[rows, columns] < 0))
        row, column = row + rows.start, column + columns.start
        if len(row):
            shapely.prepare(area)
            inside = shapely.contains_xy(area, x[column], y[row])
            numbers[row[inside], column[inside]] = number
    return numbers


def water_bodies(
    cells: Iterable[CellWater], outlines: Sequence[Outline], parameters: TerrainParameters
) -> list[WaterBody]:
    """All bodies of the twin with their levels, by id: those of the outlines, and water pixels outside of all.

    Where outlines overlap the first by id counts. Pixels that hang together across cells are one body. Of the bodies
    that no register draws those of at least ``water_min_area_m2`` are told, unless they are the fringe of an outline:
    at most ``BANK_M`` wide around it, and of its level. One cell is looked at at a time.
    """
    size = pixel_quanta(parameters.resolution_m)
    outlines = sorted(outlines, key=lambda outline: outline.body_id)
    drawn = LevelCounts()
    pieces = PixelPieces(round(parameters.water_min_area_m2 / parameters.resolution_m**2))
    for cell in cells:
        levels = np.rint(cell.returns.astype(np.float64) * 1000)
        has_level = ~np.isnan(levels) & (cell.origin == Origin.WATER)
        numbers = outlined(cell.grid, cell.origin, outlines)
        x, y = cell.grid.first_centre
        down, across = np.nonzero(has_level & (numbers >= 0))
        own = numbers[down, across].astype(np.int64)
        drawn.add(own, levels[down, across].astype(np.int64), across + x // size, down - y // size)
        water = np.isin(cell.origin, np.array(_WATER, np.uint8)) & (numbers < 0)
        pieces.add(water, np.where(has_level, levels, np.nan), x // size, -(y // size))
    bodies = [
        WaterBody(outline=outline, level=settle(*drawn.of([number]), drawn.fall_m([number]), outline.kind, parameters))
        for number, outline in enumerate(outlines)
    ]
    for column, row, members, geometry in pieces.joined():
        outline = Outline(
            body_id=f"water_{column * size / QUANTA_PER_M:.1f}_{-row * size / QUANTA_PER_M:.1f}",
            kind="unknown",
            source="point_clouds",
            geometry=in_metres(geometry, size),
        )
        level = settle(*pieces.levels.of(members), pieces.levels.fall_m(members), outline.kind, parameters)
        if not any(_is_fringe(outline.geometry, level, body, parameters) for body in bodies[: len(outlines)]):
            bodies.append(WaterBody(outline=outline, level=level))
    return sorted(bodies, key=lambda body: body.outline.body_id)


def _is_fringe(geometry: BaseGeometry, level: WaterLevel, body: WaterBody, parameters: TerrainParameters) -> bool:
    """Whether a piece is the fringe of a body that is flat."""
    if body.level.reason or body.level.level_m is None:
        return False
    is_level = level.level_m is None or abs(level.level_m - body.level.level_m) <= parameters.water_spread_max_m
    return is_level and bool(body.outline.geometry.buffer(BANK_M).covers(geometry))
