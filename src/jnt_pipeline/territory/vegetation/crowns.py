"""Crowns (*houppiers*): every pixel of the canopy climbs to a treetop; those that meet there are one crown.

No pixel is flooded before another, so there is no order to agree on: where a pixel goes depends on the pixels within
its reach alone, and a crown is the same from any tiling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters

__all__ = ["Crowns", "find_crowns"]

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

_NOWHERE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowns:
    """The crowns of a raster, in the order of the tops of their smoothed surface, rows from the north."""

    row: Integers
    """Shape (n,): pixel of the highest return of each crown; of equal ones the northernmost, then the westernmost."""
    column: Integers
    height_m: Floats
    """Height of that return above the ground."""
    n_pixels: Integers
    is_whole: NDArray[np.bool_]
    """Whether no pixel of the crown touches one without a height, or the end of the raster."""
    labels: Integers
    """Shape of the raster: number of the crown a pixel belongs to; -1: none."""

    def __len__(self) -> int:
        return len(self.row)


def find_crowns(heights: Floats, smoothed: Floats, resolution_m: float, parameters: VegetationParameters) -> Crowns:
    """The crowns of a canopy.

    Parameters: ``heights`` and their smoothed copy, (n_rows, n_columns), metres above ground, NaN unknown.

    A pixel climbs to the highest of the eight around it; a peak to the highest pixel of a round window whose width
    grows with its height; a peak that is the highest of its window is a top. Equal heights: the northernmost is the
    higher, then the westernmost. A way longer than ``crown_reach_m`` (the larger of both axes, step by step) leads
    to no top, and what is lower than ``crown_share`` of the top is not crown.

    Source: variable windows of Popescu & Wynne 2004, "Seeing the Trees in the Forest"; edges of crowns as Dalponte &
    Coomes 2016.
    """
    if heights.size == 0:
        return _numbered(np.full(heights.shape, _NOWHERE, np.int32), heights, np.empty(0, np.int32))
    lowest = np.float32(parameters.tree_min_height_m)
    half = parameters.window_share / 2
    window = np.array(
        [
            half * parameters.crown_width_m, half * parameters.crown_width_growth_per_m,
            half * parameters.crown_width_max_m, resolution_m,
        ]
    )  # fmt: skip
    parents = np.full(heights.shape, _NOWHERE, np.int32)
    _climb(smoothed, np.float32(lowest * np.float32(parameters.crown_share)), lowest, window, parents)
    labels = np.full(heights.shape, _NOWHERE, np.int32)
    reach = round(parameters.crown_reach_m / resolution_m)
    _follow(heights, smoothed, parents, np.float32(parameters.crown_share), reach, labels)
    tops = np.flatnonzero(parents.ravel() == np.arange(parents.size, dtype=np.int32)).astype(np.int32)
    return _numbered(labels, heights, tops)


def _numbered(labels: Integers, heights: Floats, tops: Integers) -> Crowns:
    """Crowns numbered from 0: labels so far are the flat pixel of the top."""
    n = len(tops)
    found = np.full(labels.shape, _NOWHERE, np.int32)
    best, n_pixels = np.full(n, _NOWHERE, np.int32), np.zeros(n, np.int32)
    is_whole = np.ones(n, np.bool_)
    if n:
        number = np.full(labels.size, _NOWHERE, np.int32)
        number[tops] = np.arange(n, dtype=np.int32)
        _measure(labels, number, heights, found, best, n_pixels, is_whole)
    row, column = np.divmod(best, max(labels.shape[1], 1)) if n else (best, best.copy())
    return Crowns(
        row=row, column=column, height_m=heights[row, column].astype(np.float32), n_pixels=n_pixels,
        is_whole=is_whole, labels=found,
    )  # fmt: skip


@compiled
def _climb(
    smoothed: Floats, low: np.float32, lowest: np.float32, window: NDArray[np.float64], parents: Integers
) -> None:
    """Where each pixel of at least ``low`` goes: flat index of a higher one, its own for a top.

    ``window``: half its width at height 0, the growth of that with the square of the height, its largest, pixel size.
    """
    n_rows, n_columns = smoothed.shape
    for row in range(n_rows):
        for column in range(n_columns):
            own = smoothed[row, column]
            if not own >= low:
                continue
            # Rows and columns rise, and only what is higher takes over: of equals the first one stays.
            best, best_row, best_column = own, row, column
            for r in range(max(row - 1, 0), min(row + 2, n_rows)):
                for c in range(max(column - 1, 0), min(column + 2, n_columns)):
                    value = smoothed[r, c]
                    is_before = r < best_row or (r == best_row and c < best_column)
                    if value > best or (value == best and is_before):
                        best, best_row, best_column = value, r, c
            if best_row == row and best_column == column:
                if not own >= lowest:
                    continue
                radius = min(window[0] + window[1] * own * own, window[2]) / window[3]
                reach = int(radius)
                for r in range(max(row - reach, 0), min(row + reach + 1, n_rows)):
                    for c in range(max(column - reach, 0), min(column + reach + 1, n_columns)):
                        if (r - row) * (r - row) + (c - column) * (c - column) > radius * radius:
                            continue
                        value = smoothed[r, c]
                        is_before = r < best_row or (r == best_row and c < best_column)
                        if value > best or (value == best and is_before):
                            best, best_row, best_column = value, r, c
            parents[row, column] = best_row * n_columns + best_column


@compiled
def _follow(
    heights: Floats, smoothed: Floats, parents: Integers, share: np.float32, reach: int, labels: Integers
) -> None:
    """Flat index of the top of each pixel's crown; each way is walked whole, since only its length decides."""
    n_rows, n_columns = heights.shape
    for row in range(n_rows):
        for column in range(n_columns):
            at = parents[row, column]
            if at < 0:
                continue
            r, c, walked = row, column, 0
            while at >= 0 and walked <= reach:
                next_row, next_column = at // n_columns, at % n_columns
                walked += max(abs(next_row - r), abs(next_column - c))
                is_top = next_row == r and next_column == c
                r, c = next_row, next_column
                if is_top:
                    break
                at = parents[r, c]
            if at < 0 or walked > reach:
                continue
            edge = smoothed[r, c] * share
            is_top = r == row and c == column
            if is_top or heights[row, column] >= edge:
                labels[row, column] = at


@compiled
def _measure(
    labels: Integers, number: Integers, heights: Floats, found: Integers, best: Integers, n_pixels: Integers,
    is_whole: NDArray[np.bool_],
) -> None:  # fmt: skip
    n_rows, n_columns = labels.shape
    for row in range(n_rows):
        for column in range(n_columns):
            if labels[row, column] < 0:
                continue
            crown = number[labels[row, column]]
            found[row, column] = crown
            n_pixels[crown] += 1
            flat = row * n_columns + column
            top = best[crown]
            if top < 0 or heights[row, column] > heights[top // n_columns, top % n_columns]:
                best[crown] = flat
            for r in range(row - 1, row + 2):
                for c in range(column - 1, column + 2):
                    if r < 0 or c < 0 or r >= n_rows or c >= n_columns or np.isnan(heights[r, c]):
                        is_whole[crown] = False
