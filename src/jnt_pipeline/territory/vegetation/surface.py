"""The surface of the canopy (*surface de la canopée*): pits filled, lone returns left out, a smoothed copy to climb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled

__all__ = ["filled_canopy", "smoothed_canopy", "without_lone_returns"]

Floats = NDArray[np.float32]

_PIT_NEIGHBOURS = 5
# Of the eight around: with fewer, the pixel is as likely outside the crown.
_PIT_DEPTH = np.float32(0.5)
# Share of the neighbours' height below which a pixel is a pit: a pulse went through the crown, or none fell there.
_COMPANIONS = 3
# Pixels around with half the height or more: a crown of one square metre has them; wires, birds and the edges of
# roofs, where a single return was taken for vegetation, have one or two.


def filled_canopy(heights: Floats, min_height_m: float) -> Floats:
    """Heights (n_rows, n_columns), metres above ground, NaN unknown, with pits of one pixel filled.

    A pixel less than half as high as at least five of its neighbours, each from ``min_height_m`` on, takes the median
    of those. Unknown pixels stay so. A pixel depends on the eight around it.
    Source: the pit-free idea of Khosravipour et al. 2014, for pits of one pixel.
    """
    found = heights.copy()
    if heights.size:
        _fill(heights, np.float32(min_height_m), found)
    return found


def without_lone_returns(heights: Floats, min_height_m: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Heights with what stands alone at ``min_height_m`` or above taken down to 0, and where that was.

    Alone (*retour isolé*): fewer than three of the eight pixels around are half as high. A pixel depends on those.
    """
    found, lone = heights.copy(), np.zeros(heights.shape, np.bool_)
    if heights.size:
        _companions(heights, np.float32(min_height_m), lone)
        found[lone] = 0.0
    return found, lone


def smoothed_canopy(heights: Floats) -> Floats:
    """Heights smoothed by the binomial weights 1 2 1 in both axes, over the known pixels; NaN stays NaN."""
    found = np.full(heights.shape, np.nan, np.float32)
    if heights.size:
        _smooth(heights, found)
    return found


@compiled
def _fill(heights: Floats, low: np.float32, found: Floats) -> None:
    n_rows, n_columns = heights.shape
    around = np.empty(8, np.float32)
    for row in range(n_rows):
        for column in range(n_columns):
            own = heights[row, column]
            if np.isnan(own):
                continue
            n = 0
            for r in range(max(row - 1, 0), min(row + 2, n_rows)):
                for c in range(max(column - 1, 0), min(column + 2, n_columns)):
                    value = heights[r, c]
                    if value >= low and own < value * _PIT_DEPTH:
                        place = n
                        while place > 0 and around[place - 1] > value:
                            around[place] = around[place - 1]
                            place -= 1
                        around[place] = value
                        n += 1
            if n >= _PIT_NEIGHBOURS:
                found[row, column] = around[(n - 1) // 2]


@compiled
def _companions(heights: Floats, low: np.float32, lone: NDArray[np.bool_]) -> None:
    n_rows, n_columns = heights.shape
    for row in range(n_rows):
        for column in range(n_columns):
            own = heights[row, column]
            if not own >= low:
                continue
            n = -1  # the pixel itself
            for r in range(max(row - 1, 0), min(row + 2, n_rows)):
                for c in range(max(column - 1, 0), min(column + 2, n_columns)):
                    if heights[r, c] >= own * np.float32(0.5):
                        n += 1
            lone[row, column] = n < _COMPANIONS


@compiled
def _smooth(heights: Floats, found: Floats) -> None:
    n_rows, n_columns = heights.shape
    for row in range(n_rows):
        for column in range(n_columns):
            if np.isnan(heights[row, column]):
                continue
            total, weight = 0.0, 0.0
            for r in range(max(row - 1, 0), min(row + 2, n_rows)):
                for c in range(max(column - 1, 0), min(column + 2, n_columns)):
                    value = heights[r, c]
                    if not np.isnan(value):
                        w = (2.0 - abs(r - row)) * (2.0 - abs(c - column))
                        total += w * value
                        weight += w
            found[row, column] = total / weight
