"""ReturnMarks: which kinds of return lie in each pixel in and around a grid, gathered in one pass over the points."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import QUANTA_PER_M, PointChunk
from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.grid import Grid, pixel_quanta, quanta
from jnt_pipeline.territory.terrain_parameters import TerrainParameters

__all__ = ["DECK", "GROUND", "VIRTUAL", "WATER", "ReturnMarks"]

GROUND, WATER, VIRTUAL, DECK = 1, 2, 4, 8
"""Marks of a pixel: a return of the ground, of water (9), a virtual point (66), a return of a bridge deck (17)."""
_WATER_CLASS, _DECK_CLASS, _VIRTUAL_CLASS = 9, 17, 66
_COMPACTED = 1 << 21
"""Elevations that may wait before they are summed by pixel."""

Integers = NDArray[np.int32]


class ReturnMarks:
    """Marks of the pixels of a grid and of a rim around it; mean elevation of the returns of water and of bridge decks.

    One byte a pixel, and 24 for each pixel with water or a deck. The same for any order of the points and any cut into
    chunks; a pixel holds its west and its north edge, and depends on the points in it alone.
    """

    def __init__(self, grid: Grid, parameters: TerrainParameters) -> None:
        """Start empty. ``parameters``: ``ground_classes``, and ``void_max_m``, which tells how wide the rim is."""
        self.grid = grid
        size = pixel_quanta(grid.resolution_m)
        # No triangle with edges <= void_max_m is farther than void_max_m / √3 from all of its corners.
        self.rim = math.ceil(quanta(parameters.void_max_m) / math.sqrt(3) / size) + 2
        """Pixels around the grid that are marked too."""
        self.marks = np.zeros((grid.n_rows + 2 * self.rim, grid.n_columns + 2 * self.rim), np.uint8)
        """Shape (n_rows + 2 rim, n_columns + 2 rim), north up."""
        self._roles = np.zeros(256, np.uint8)
        self._roles[list(parameters.ground_classes)] = GROUND
        self._roles[[_WATER_CLASS, _VIRTUAL_CLASS, _DECK_CLASS]] = WATER, VIRTUAL, DECK
        x, y = grid.first_centre
        # Doubled, since the edge of a pixel may lie on half a unit.
        self._pixels = (2 * (x - self.rim * size) - size, 2 * (y + self.rim * size) + size, 2 * size)
        self._elevations = {_WATER_CLASS: _PixelMeans(), _DECK_CLASS: _PixelMeans()}

    def add(self, chunk: PointChunk) -> None:
        """Mark the pixels that some points lie in; coordinates in the horizontal CRS of the grid."""
        scaling = (chunk.step[0], chunk.step[1], chunk.origin[0], chunk.origin[1])
        _mark((chunk.x, chunk.y), chunk.classification, scaling, self._roles, self._pixels, self.marks)
        for code, means in self._elevations.items():
            chosen = np.flatnonzero(chunk.classification == code)
            if len(chosen):
                means.add(*self._inside(chunk, chosen))

    def inner(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """The pixels of the grid among those with their rim."""
        return values[self.rim : self.rim + self.grid.n_rows, self.rim : self.rim + self.grid.n_columns]

    def water_elevation(self) -> NDArray[np.float32] | None:
        """Mean elevation of the water returns of each pixel of the grid, metres, NaN without; None: no such return."""
        return self._elevations[_WATER_CLASS].raster(self.grid.shape)

    def deck_elevation(self) -> NDArray[np.float32] | None:
        """The same of the returns of bridge decks (*tabliers de pont*)."""
        return self._elevations[_DECK_CLASS].raster(self.grid.shape)

    def _inside(self, chunk: PointChunk, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pixel, row after row, and elevation in tenths of a millimetre, of the chosen points inside the grid."""
        west, north, size = self._pixels
        x = chunk.x[chosen].astype(np.int64) * chunk.step[0] + chunk.origin[0]
        y = chunk.y[chosen].astype(np.int64) * chunk.step[1] + chunk.origin[1]
        z = chunk.z[chosen].astype(np.int64) * chunk.step[2] + chunk.origin[2]
        column, row = (2 * x - west) // size - self.rim, (north - 2 * y) // size - self.rim
        kept = (column >= 0) & (column < self.grid.n_columns) & (row >= 0) & (row < self.grid.n_rows)
        return row[kept] * self.grid.n_columns + column[kept], z[kept]


class _PixelMeans:
    """Sums of elevations by pixel, whole numbers, so that no order of adding shows."""

    def __init__(self) -> None:
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
        self._n_waiting = 0

    def add(self, pixels: NDArray[np.int64], elevations: NDArray[np.int64]) -> None:
        self._waiting.append((pixels, elevations, np.ones(len(pixels), np.int64)))
        self._n_waiting += len(pixels)
        if self._n_waiting > _COMPACTED:
            self._waiting = [self._summed()]
            self._n_waiting = 0

    def raster(self, shape: tuple[int, int]) -> NDArray[np.float32] | None:
        if not self._waiting:
            return None
        pixels, sums, counts = self._summed()
        if not len(pixels):
            return None
        values = np.full(shape, np.nan, np.float32)
        values.flat[pixels] = (sums / counts / QUANTA_PER_M).astype(np.float32)
        return values

    def _summed(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        pixels, sums, counts = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        found, place = np.unique(pixels, return_inverse=True)
        totals, n = np.zeros(len(found), np.int64), np.zeros(len(found), np.int64)
        np.add.at(totals, place, sums)
        np.add.at(n, place, counts)
        return found, totals, n


@compiled
def _mark(
    steps: tuple[Integers, Integers],
    classes: NDArray[np.uint8],
    scaling: tuple[int, int, int, int],
    roles: NDArray[np.uint8],
    pixels: tuple[int, int, int],
    marks: NDArray[np.uint8],
) -> None:
    """Add to each pixel the marks of the points in it."""
    x, y = steps
    west, north, size = pixels
    n_rows, n_columns = marks.shape
    for i in range(len(classes)):
        role = roles[classes[i]]
        if role == 0:
            continue
        across = 2 * (x[i] * scaling[0] + scaling[2]) - west
        down = north - 2 * (y[i] * scaling[1] + scaling[3])
        if across < 0 or down < 0:
            continue
        column, row = across // size, down // size
        if row < n_rows and column < n_columns:
            marks[row, column] |= role
