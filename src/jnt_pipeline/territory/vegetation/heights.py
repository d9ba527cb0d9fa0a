"""Heights of vegetation (*hauteur de canopée*, CHM): the highest return of each pixel above the terrain."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import QUANTA_PER_M, PointChunk
from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.grid import Grid, pixel_quanta

__all__ = ["canopy_heights"]

_NOTHING = np.iinfo(np.int64).min


def canopy_heights(
    chunks: Iterable[PointChunk], dtm: NDArray[np.float32], grid: Grid, class_codes: Iterable[int]
) -> NDArray[np.float32]:
    """Height of the highest return of some classes in each pixel above the terrain, metres.

    Parameters: points in the CRS of the grid, in any order and cut; ``dtm`` (n_rows, n_columns), metres above the
    vertical datum, NaN unknown. Returns float32, 0 without such a return, never below 0; NaN where the terrain is
    unknown.
    """
    wanted = np.zeros(256, np.bool_)
    wanted[list(class_codes)] = True
    highest = np.full(grid.shape, _NOTHING, np.int64)
    x, y = grid.first_centre
    size = pixel_quanta(grid.resolution_m)
    # Doubled, since the edge of a pixel may lie on half a unit.
    west, north = 2 * x - size, 2 * y + size
    for chunk in chunks:
        if len(chunk):
            scale = np.array((*chunk.step, *chunk.origin), np.int64)
            _raise(chunk.x, chunk.y, chunk.z, chunk.classification, scale, wanted, (west, north, 2 * size), highest)
    found = np.where(np.isnan(dtm), np.float32(np.nan), np.float32(0.0)).astype(np.float32)
    has_return = (highest != _NOTHING) & ~np.isnan(dtm)
    above = highest[has_return] / QUANTA_PER_M - dtm[has_return].astype(np.float64)
    found[has_return] = np.maximum(above, 0.0).astype(np.float32)
    return found


@compiled
def _raise(
    x: NDArray[np.int32], y: NDArray[np.int32], z: NDArray[np.int32], classification: NDArray[np.uint8],
    scale: NDArray[np.int64], wanted: NDArray[np.bool_], pixels: tuple[int, int, int], highest: NDArray[np.int64],
) -> None:  # fmt: skip
    """Raise each pixel to its highest wanted return; west and north edges belong to a pixel."""
    n_rows, n_columns = highest.shape
    west, north, size = pixels
    for i in range(len(x)):
        if not wanted[classification[i]]:
            continue
        across = 2 * (x[i] * scale[0] + scale[3]) - west
        down = north - 2 * (y[i] * scale[1] + scale[4])
        if across < 0 or down < 0:
            continue
        column, row = across // size, down // size
        if column < n_columns and row < n_rows:
            highest[row, column] = max(highest[row, column], z[i] * scale[2] + scale[5])
