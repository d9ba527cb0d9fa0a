"""What stands beside the terrain of a cell: how each value came about, how far to trust it, returns of water, decks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.stages.rasters import write_codes, write_raster
from jnt_pipeline.territory.bridge_decks import deck_pixels
from jnt_pipeline.territory.grid import Grid, pixel_quanta, quanta
from jnt_pipeline.territory.terrain_confidence import (
    Origin,
    derive_confidence,
    derive_origin,
    return_distances,
    slope_rim,
)
from jnt_pipeline.territory.terrain_parameters import TerrainParameters
from jnt_pipeline.territory.terrain_returns import DECK as DECK_MARK
from jnt_pipeline.territory.terrain_returns import ReturnMarks

__all__ = ["DECK", "DECK_PIXELS", "WATER", "TerrainBands", "placed", "widened_grid"]

WATER, DECK, DECK_PIXELS = "water_returns.tif", "deck_returns.tif", "deck_pixels.tif"
"""Files of a cell that has such returns: their mean elevation by pixel; and pixels between returns of a deck, as 1."""

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainBands:
    """Bands of the shape of the cell's grid."""

    origin: NDArray[np.uint8]
    """``Origin`` of each value of the terrain."""
    confidence: NDArray[np.float32]
    """95 % of the values lie so near the true ground, metres; NaN where nobody knows."""
    water: NDArray[np.float32] | None = None
    """Mean elevation of the returns of water; None where there is none."""
    deck: NDArray[np.float32] | None = None
    """Mean elevation of the returns of bridge decks."""
    deck_pixels: NDArray[np.uint8] | None = None
    """1 between returns of a deck; None where no deck is near."""

    @classmethod
    def nothing(cls, grid: Grid) -> TerrainBands:
        """Bands of a cell that no points reach."""
        return cls(
            origin=np.full(grid.shape, Origin.VOID, np.uint8), confidence=np.full(grid.shape, np.nan, np.float32)
        )

    @classmethod
    def of(
        cls, marks: ReturnMarks, widened: NDArray[np.float32], parameters: TerrainParameters, grid: Grid
    ) -> TerrainBands:
        """Bands of ``grid`` from what was gathered over a part of it; ``widened``: terrain of that part with a rim."""
        to_ground, to_water = return_distances(marks)
        rim = slope_rim(parameters)
        origin = derive_origin(widened[rim:-rim, rim:-rim], to_ground, to_water, parameters.resolution_m)
        water, deck = marks.water_elevation(), marks.deck_elevation()
        between = deck_pixels(marks).astype(np.uint8) if (marks.marks & DECK_MARK).any() else None
        return cls(
            origin=placed(origin, marks.grid, grid, Origin.VOID),
            confidence=placed(derive_confidence(widened, to_ground, to_water, parameters), marks.grid, grid, np.nan),
            water=None if water is None else placed(water, marks.grid, grid, np.nan),
            deck=None if deck is None else placed(deck, marks.grid, grid, np.nan),
            deck_pixels=None if between is None else placed(between, marks.grid, grid, 0),
        )

    def filled_by(self, dtm: NDArray[np.float32]) -> TerrainBands:
        """The bands once voids of the terrain were taken from rasters, whose accuracy nobody states."""
        is_taken = (self.origin == Origin.VOID) & ~np.isnan(dtm)
        origin = np.where(is_taken, np.uint8(Origin.RASTER), self.origin)
        return replace(self, origin=origin)

    def write(self, grid: Grid, reference: Reference, folder: Path) -> dict[str, Any]:
        """Write ``dtm_origin.tif``, ``dtm_confidence.tif`` and what there is of water and decks; returns facts."""
        write_codes(self.origin, grid, reference, folder / "dtm_origin.tif")
        write_raster(self.confidence, grid, reference, folder / "dtm_confidence.tif")
        for name, values in ((WATER, self.water), (DECK, self.deck)):
            if values is not None:
                write_raster(values, grid, reference, folder / name)
        if self.deck_pixels is not None:
            write_codes(self.deck_pixels, grid, reference, folder / DECK_PIXELS)
        counts = np.bincount(self.origin.ravel(), minlength=len(Origin))
        return {
            "dtm_origin_pct": {
                origin.name.lower(): round(100 * int(counts[origin]) / self.origin.size, 3)
                for origin in Origin
                if counts[origin]
            }
        }


def widened_grid(grid: Grid, n_pixels: int) -> Grid:
    """The grid and ``n_pixels`` more on each side."""
    size, quantum = pixel_quanta(grid.resolution_m), quanta(1.0)
    return Grid(
        west=(2 * grid.first_centre[0] - (2 * n_pixels + 1) * size) / (2 * quantum),
        north=(2 * grid.first_centre[1] + (2 * n_pixels + 1) * size) / (2 * quantum),
        resolution_m=grid.resolution_m,
        n_rows=grid.n_rows + 2 * n_pixels,
        n_columns=grid.n_columns + 2 * n_pixels,
    )


def placed(values: NDArray[T], part: Grid, grid: Grid, elsewhere: float) -> NDArray[T]:
    """Values of a part of ``grid``, ``elsewhere`` around it: a pixel depends on the points alone, not on the extent."""
    if part == grid:
        return values
    whole = np.full(grid.shape, elsewhere, values.dtype)
    size = pixel_quanta(grid.resolution_m)
    row = (grid.first_centre[1] - part.first_centre[1]) // size
    column = (part.first_centre[0] - grid.first_centre[0]) // size
    whole[row : row + part.n_rows, column : column + part.n_columns] = values
    return whole
