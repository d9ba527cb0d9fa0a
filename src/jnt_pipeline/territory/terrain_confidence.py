"""How the terrain came by each value (*masque d'origine*), and how far to trust it (*bande de confiance*)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.territory.nearest_pixels import FAR, squared_distances
from jnt_pipeline.territory.terrain_parameters import REACH_MARGIN_M, TerrainParameters
from jnt_pipeline.territory.terrain_returns import GROUND, WATER, ReturnMarks

__all__ = ["WATER_REACH_M", "Origin", "derive_confidence", "derive_origin", "return_distances", "slope_rim"]

WATER_REACH_M = 10.0
"""A pixel whose nearest return is one of water, at most so far away, is water: light comes back from water seldom."""

_NORMAL_95 = 1.96  # 95 % of a normal distribution lie within so many standard deviations
_SPACING_M = 0.25
"""Between returns the ground may break: half the spacing of 4 ground returns per m², LiDAR HD's sparse case."""
_BRIDGED, _BRIDGED_ON_SLOPES = 0.05, 0.60
"""Metres of error per metre to the nearest return, on level ground, and more by the relief around: set on returns held
back from Montpellier, Delft and the west of tile 0292_6833; its east and generated ground were kept for the tests."""
_RELIEF_M = 5.0
"""Relief around: the root mean square of the tangent of the slope within so far in either axis."""
_STEPS = 1000  # tangents are summed in whole thousandths, so that no order of adding shows
_STEEPEST = 100.0
_ROWS = 128


class Origin(IntEnum):
    """How the terrain came by the value of a pixel."""

    VOID = 0
    """No value."""
    MEASURED = 1
    """A ground return lies in the pixel."""
    INTERPOLATED = 2
    """The nearest return is one of the ground, at most ``WATER_REACH_M`` away."""
    WATER = 3
    """A return of water, and none of the ground, lies in the pixel."""
    BETWEEN_WATER = 4
    """The nearest return is one of water, at most ``WATER_REACH_M`` away."""
    BRIDGED = 5
    """Interpolated across a void, the nearest return farther away."""
    WATER_LEVEL = 6
    """The settled level of a water body (*plan d'eau mis à plat*)."""
    RASTER = 7
    """Taken over from a delivered elevation raster."""


def return_distances(marks: ReturnMarks) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Squared distances, in pixels, to the nearest pixel with a ground return, and with one of water alone.

    Shape of the grid; ``FAR`` beyond the rim. Virtual points are no returns.
    """
    ground = (marks.marks & GROUND) != 0
    water = ((marks.marks & WATER) != 0) & ~ground
    to_ground = squared_distances(ground, marks.rim, marks.rim)
    if not water.any():
        return to_ground, np.full(to_ground.shape, FAR, np.int32)
    return to_ground, squared_distances(water, marks.rim, marks.rim)


def derive_origin(
    dtm: NDArray[np.float32], to_ground: NDArray[np.int32], to_water: NDArray[np.int32], resolution_m: float
) -> NDArray[np.uint8]:
    """The ``Origin`` of each value of the terrain derived from points (never ``WATER_LEVEL`` nor ``RASTER``).

    Parameters: ``dtm`` shape (n_rows, n_columns), NaN where void; distances as ``return_distances`` gives them. Where
    ground and water are equally near it is ground.
    """
    near = int((WATER_REACH_M / resolution_m) ** 2)
    by_water = to_water < to_ground
    origin = np.where(np.minimum(to_ground, to_water) <= near, Origin.INTERPOLATED, Origin.BRIDGED).astype(np.uint8)
    origin[to_ground == 0] = Origin.MEASURED
    origin[by_water & (to_water <= near)] = Origin.BETWEEN_WATER
    origin[to_water == 0] = Origin.WATER
    origin[np.isnan(dtm)] = Origin.VOID
    return origin


def slope_rim(parameters: TerrainParameters) -> int:
    """Pixels of terrain on each side of a grid that its confidence asks for: as far as the buffer makes them exact."""
    wanted = round(_RELIEF_M / parameters.resolution_m) + 1
    known = parameters.buffer_m - parameters.void_max_m - REACH_MARGIN_M
    return max(1, min(wanted, int(known / parameters.resolution_m)))


def derive_confidence(
    widened: NDArray[np.float32],
    to_ground: NDArray[np.int32],
    to_water: NDArray[np.int32],
    parameters: TerrainParameters,
) -> NDArray[np.float32]:
    """Confidence of the terrain, metres: 95 of 100 pixels lie within it of the true ground (*intervalle à 95 %*).

    1.96 √(σ² + (0.25 t)²) + (0.05 + 0.60 r) d, with σ = ``ground_sigma_m``, t the tangent of the slope at the pixel, r
    its root mean square within 5 m in either axis, d the distance in metres from the pixel to the nearest one with a
    return of ground or water. It tells of the spread of the returns and of what may lie between them, not of the datum
    nor of a wrong class.

    Parameters: ``widened`` terrain with ``slope_rim`` pixels more on each side; distances as ``return_distances`` gives
    them. Returns float32 (n_rows, n_columns), NaN where the terrain has no value, its slope is not known, or no return
    is within reach.

    Source: form after Kraus, Karel, Briese, Mandlburger 2006, Local accuracy measures for digital terrain models:
    noise of the points, slope, and distance to the nearest point.
    """
    rim, size = slope_rim(parameters), parameters.resolution_m
    nearest = np.minimum(to_ground, to_water)
    confidence = np.empty(nearest.shape, np.float32)
    for first in range(0, len(nearest), _ROWS):
        end = min(first + _ROWS, len(nearest))
        known = widened[first : end + 2 * rim]
        slope, relief = _slope_and_relief(known, rim, size)
        near = nearest[first:end]
        distance = np.where(near == FAR, np.nan, np.sqrt(near.astype(np.float64))) * size
        spread = _NORMAL_95 * np.sqrt(parameters.ground_sigma_m**2 + (_SPACING_M * slope) ** 2)
        values = spread + (_BRIDGED + _BRIDGED_ON_SLOPES * relief) * distance
        values[np.isnan(known[rim:-rim, rim:-rim])] = np.nan
        confidence[first:end] = values
    return confidence


def _slope_and_relief(
    values: NDArray[np.float32], rim: int, size: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tangent of the slope of the inner pixels, and its root mean square around them; NaN where none is known."""
    slope = _steepest(values, size)
    known = ~np.isnan(slope)
    steps = np.rint(np.minimum(np.where(known, slope, 0.0), _STEEPEST) * _STEPS).astype(np.int64)
    sums, counts = _box_sums(steps * steps, rim - 1), _box_sums(known.astype(np.int64), rim - 1)
    inner = slope[rim - 1 : slope.shape[0] - rim + 1, rim - 1 : slope.shape[1] - rim + 1]
    with np.errstate(invalid="ignore"):
        return inner, np.sqrt(sums / counts) / _STEPS


def _box_sums(values: NDArray[np.int64], half: int) -> NDArray[np.int64]:
    """Sums over the squares of 2 half + 1 pixels that lie whole in ``values``."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(values, axis=0), axis=1, out=sums[1:, 1:])
    wide = 2 * half + 1
    return sums[wide:, wide:] - sums[:-wide, wide:] - sums[wide:, :-wide] + sums[:-wide, :-wide]


def _steepest(widened: NDArray[np.float32], size: float) -> NDArray[np.float64]:
    """Tangent of the slope of each pixel but the outermost: along each axis the steeper of both sides, where known."""
    values = widened.astype(np.float64)
    inner = values[1:-1, 1:-1]
    pairs = ((values[1:-1, :-2], values[1:-1, 2:]), (values[:-2, 1:-1], values[2:, 1:-1]))
    steps = [np.fmax(np.abs(inner - one), np.abs(inner - other)) / size for one, other in pairs]
    return np.where(np.isnan(steps[0]) | np.isnan(steps[1]), np.fmax(*steps), np.sqrt(steps[0] ** 2 + steps[1] ** 2))
