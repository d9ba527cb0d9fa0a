"""Terrain where no LiDAR reaches: the values of delivered elevation rasters at the pixel centres of the twin.

A pixel depends on the four source pixels around its centre alone, found by whole numbers: rasters taken over cell by
cell, from files that are cut anyhow, are equal to the last bit where they meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.elevation_block import ElevationBlock, Lattice
from jnt_pipeline.crs.transform import Transformation
from jnt_pipeline.territory.grid import Grid

__all__ = ["Way", "centres_in", "filled_from", "values_at_centres"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How pixel centres of the twin find their place in a raster, and its values their way back."""

    places: Transformation
    """Horizontal reference of the twin to that of the raster."""
    heights: Transformation | None
    """Full reference of the raster to that of the twin; None for heights above the ground, which count from none."""


def values_at_centres(blocks: Sequence[ElevationBlock], grid: Grid, way: Way) -> NDArray[np.float32]:
    """Values of rasters of one reference at the pixel centres of ``grid``.

    Where centres coincide with those of the raster its value is taken over, to the last bit. Elsewhere it is bilinear
    between the four centres around, and NaN where one of those that count has no value: voids stay voids, nothing is
    extrapolated. Blocks of one lattice are one raster; where two hold a pixel the first by name that has a value
    counts. Of several lattices the finest that has a value counts.

    Parameters: ``blocks`` hold all pixels around the grid. Returns float32, shape (n_rows, n_columns), north up.
    Raises ``OutsideAreaError`` where a centre lies outside the references' area of use.
    """
    values = np.full(grid.shape, np.nan, np.float32)
    lattices: dict[Lattice, list[ElevationBlock]] = defaultdict(list)
    for block in blocks:
        lattices[block.lattice].append(block)
    for lattice in sorted(lattices):
        if not np.isnan(values).any():
            break
        x, y = centres_in(grid, way.places)
        found = _bilinear(lattices[lattice], lattice, x, y)
        found = _back(found, x, y, way.heights)
        values = filled_from(values, found.astype(np.float32))
    return values


def filled_from(values: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """``values`` with their voids taken from ``others``; both of one shape."""
    return np.where(np.isnan(values), others, values)


def centres_in(grid: Grid, places: Transformation) -> tuple[Array, Array]:
    """Places of the pixel centres in the raster's CRS: columns and rows (1, n), (m, 1), or one place for each pixel."""
    x, y = grid.x_centres[np.newaxis, :], grid.y_centres[:, np.newaxis]
    if places.is_identity:
        return x, y
    full_x, full_y = np.broadcast_arrays(x, y)
    moved = places.apply(np.column_stack((full_x.ravel(), full_y.ravel())))
    return moved[:, 0].reshape(grid.shape), moved[:, 1].reshape(grid.shape)


def _back(found: Array, x: Array, y: Array, heights: Transformation | None) -> Array:
    """Values of the raster in the vertical reference of the twin."""
    if heights is None or not heights.moves_heights:
        return found
    known = ~np.isnan(found)
    full_x, full_y = np.broadcast_arrays(x, y)
    moved = heights.apply(np.column_stack((full_x[known], full_y[known], found[known])))
    result = np.full(found.shape, np.nan)
    result[known] = moved[:, 2]
    return result


def _bilinear(blocks: Sequence[ElevationBlock], lattice: Lattice, x: Array, y: Array) -> Array:
    """Values between the pixel centres of one lattice; a weight of nothing asks for no value."""
    column, right = _steps(x, lattice, 0)
    row, up = _steps(y, lattice, 1)  # rows are counted northwards
    mosaic = _Mosaic.of(blocks, lattice, column, row)
    low = _between(mosaic.at(row, column), mosaic.at(row, column + 1), right)
    high = _between(mosaic.at(row + 1, column), mosaic.at(row + 1, column + 1), right)
    return _between(low, high, up)


def _steps(places: Array, lattice: Lattice, axis: int) -> tuple[NDArray[np.int64], Array]:
    """Number of the centre below each place, and how far on the way to the next it lies, 0 to 1."""
    counted = np.rint(places / lattice.quantum).astype(np.int64) - lattice.phase[axis]
    number, rest = np.divmod(counted, lattice.pixel[axis])
    return number, rest / lattice.pixel[axis]


def _between(first: Array, second: Array, weight: Array) -> Array:
    return np.where(weight == 0, first, first + (second - first) * weight)


@dataclass(frozen=True, slots=True)
class _Mosaic:
    """The blocks of one lattice as one array, numbered by the lattice."""

    values: NDArray[np.float32]
    """Rows run northwards here, with a margin of voids on every side."""
    first_row: int
    first_column: int

    @classmethod
    def of(
        cls, blocks: Sequence[ElevationBlock], lattice: Lattice, columns: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> _Mosaic:
        """The part that the given pixels need."""
        left, right = int(columns.min()), int(columns.max()) + 2
        bottom, top = int(rows.min()), int(rows.max()) + 2
        values = np.full((top - bottom, right - left), np.nan, np.float32)
        for block in sorted(blocks, key=lambda one: one.name):
            column = (block.first[0] - lattice.phase[0]) // lattice.pixel[0] - left
            north = (block.first[1] - lattice.phase[1]) // lattice.pixel[1] - bottom
            upwards = block.values[::-1]
            row = north - len(upwards) + 1
            here, there = _overlap(row, len(upwards), values.shape[0])
            across, along = _overlap(column, upwards.shape[1], values.shape[1])
            values[here, across] = filled_from(values[here, across], upwards[there, along])
        return cls(values, bottom, left)

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
        return self.values[rows - self.first_row, columns - self.first_column].astype(np.float64)


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """The part of 0..size that a run of ``length`` from ``start`` covers, and the part of the run that it is."""
    first, end = max(start, 0), min(start + length, size)
    end = max(first, end)
    return slice(first, end), slice(first - start, end - start)
