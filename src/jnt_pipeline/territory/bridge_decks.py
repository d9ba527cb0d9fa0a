"""Bridges (*ponts*): where returns of a deck (*tablier de pont*, class 17) lie close together, and how high it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.base_layers.columns import Column
from jnt_pipeline.territory.grid import QUANTA_PER_M, Grid, pixel_quanta
from jnt_pipeline.territory.nearest_pixels import FAR, squared_distances
from jnt_pipeline.territory.pixel_pieces import PixelPieces, in_metres
from jnt_pipeline.territory.terrain_returns import DECK, ReturnMarks

__all__ = ["COLUMNS", "BridgeDeck", "CellDecks", "bridge_decks", "deck_pixels"]

COLUMNS: tuple[Column, ...] = (
    Column("bridge_id", "text", "deck_<x>_<y> of its first pixel.", required=True),
    Column(
        "deck_elevation_m", "number", "Median elevation of the deck, metres above the vertical datum.", required=True
    ),
    Column("deck_min_elevation_m", "number", "5th percentile of its elevations.", required=True),
    Column("deck_max_elevation_m", "number", "95th percentile of its elevations.", required=True),
    Column("n_pixels_with_returns", "integer", "Pixels with a return of the deck.", required=True),
    Column("area_m2", "number", "Area, m².", required=True),
)
"""Columns of the layer ``bridge_decks``; the geometry comes after them."""

_GAP_M = 1.5
"""Returns at most twice so far apart are of one deck: a decimated tile still gives one, two bridges stay two."""
_FEWEST_M2 = 10.0  # a few returns of a railing are no bridge


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDecks:
    """What one cell knows of its bridges."""

    grid: Grid
    pixels: NDArray[np.bool_]
    elevation: NDArray[np.float32]
    """Mean elevation of the deck returns of each pixel, metres; NaN without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeDeck:
    """A deck: outline along the edges of pixels, and its elevations, metres."""

    bridge_id: str
    geometry: BaseGeometry
    low_m: float
    median_m: float
    high_m: float
    n_pixels: int


def deck_pixels(marks: ReturnMarks) -> NDArray[np.bool_]:
    """Pixels of the grid between returns of a deck: a closing by discs of 1.5 m, or of half the rim of the marks.

    Source: Serra 1982, Image analysis and mathematical morphology (closing).
    """
    reach = min(round(_GAP_M / marks.grid.resolution_m), marks.rim // 2)
    cut = marks.rim - 2 * reach
    around = marks.marks[cut : marks.marks.shape[0] - cut, cut : marks.marks.shape[1] - cut]
    covered = squared_distances((around & DECK) != 0, reach, reach) != FAR
    between: NDArray[np.bool_] = squared_distances(~covered, reach, reach) == FAR
    return between


def bridge_decks(cells: Iterable[CellDecks], resolution_m: float) -> list[BridgeDeck]:
    """The decks of the whole twin of at least 10 m², by id; pixels that hang together across cells are one deck."""
    size = pixel_quanta(resolution_m)
    pieces = PixelPieces(max(1, round(_FEWEST_M2 / resolution_m**2)))
    for cell in cells:
        x, y = cell.grid.first_centre
        pieces.add(cell.pixels, np.rint(cell.elevation.astype(np.float64) * 1000), x // size, -(y // size))
    found = []
    for column, row, members, geometry in pieces.joined():
        levels, counts = pieces.levels.of(members)
        if not len(counts):  # its returns all lie beyond the edge of the twin
            continue
        ranks = np.cumsum(counts)
        low, median, high = (int(levels[np.searchsorted(ranks, share * ranks[-1])]) for share in (0.05, 0.5, 0.95))
        found.append(
            BridgeDeck(
                bridge_id=f"deck_{column * size / QUANTA_PER_M:.1f}_{-row * size / QUANTA_PER_M:.1f}",
                geometry=in_metres(geometry, size),
                low_m=low / 1000,
                median_m=median / 1000,
                high_m=high / 1000,
                n_pixels=int(ranks[-1]),
            )
        )
    return sorted(found, key=lambda deck: deck.bridge_id)
