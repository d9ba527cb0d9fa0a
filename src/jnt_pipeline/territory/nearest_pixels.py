"""How far each pixel is from the nearest marked one (*carte de distances*): exact, in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled

__all__ = ["FAR", "squared_distances"]

FAR = np.iinfo(np.int32).max
"""Where no marked pixel is near."""


def squared_distances(marked: NDArray[np.bool_], rim: int, reach: int) -> NDArray[np.int32]:
    """Squared distance of each inner pixel to the nearest marked one, centre to centre, in pixels.

    Parameters: ``marked`` (rows + 2 rim, columns + 2 rim); ``reach``, at most ``rim``: pixels farther away do not
    count. Returns int32 (rows, columns), ``FAR`` where no marked pixel lies within ``reach``. Values depend on the
    marks within reach alone, so tiles agree.

    Source: Meijster, Roerdink, Hesselink 2000, a general algorithm for computing distance transforms in linear time
    (first phase as there; the second looks outwards along the row, as far as it can matter).
    """
    if not 0 <= reach <= rim:
        raise ValueError(f"reach {reach} of a rim of {rim} pixels")
    along = np.empty(marked.shape, np.int32)
    nearest = np.empty((marked.shape[0] - 2 * rim, marked.shape[1] - 2 * rim), np.int32)
    _along_columns(marked, reach, along)
    _across(along, rim, reach, nearest)
    return nearest


@compiled
def _along_columns(marked: NDArray[np.bool_], reach: int, along: NDArray[np.int32]) -> None:
    """Distance to the nearest marked pixel of the same column, reach + 1 where none is so near."""
    n_rows, n_columns = marked.shape
    for column in range(n_columns):
        along[0, column] = 0 if marked[0, column] else reach + 1
    for row in range(1, n_rows):
        for column in range(n_columns):
            along[row, column] = 0 if marked[row, column] else min(along[row - 1, column] + 1, reach + 1)
    for row in range(n_rows - 2, -1, -1):
        for column in range(n_columns):
            along[row, column] = min(along[row, column], along[row + 1, column] + 1)


@compiled
def _across(along: NDArray[np.int32], rim: int, reach: int, nearest: NDArray[np.int32]) -> None:
    limit = reach * reach
    for row in range(nearest.shape[0]):
        for column in range(nearest.shape[1]):
            best = limit + 1
            for step in range(reach + 1):
                if step * step >= best:
                    break
                left, right = along[row + rim, column + rim - step], along[row + rim, column + rim + step]
                near = min(left, right)
                if near <= reach:
                    best = min(best, step * step + near * near)
            nearest[row, column] = best if best <= limit else FAR
