"""Derived from the terrain: slope (*pente*), shaded relief (*estompage*), contour lines (*courbes de niveau*)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from contourpy import LineType, contour_generator
from numpy.typing import NDArray
from shapely.geometry import LineString

from jnt_pipeline.base_layers.columns import Column
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.grid import QUANTA_PER_M, Grid, pixel_quanta

__all__ = ["COLUMNS", "contour_lines", "hillshade", "slope_deg"]

COLUMNS: tuple[Column, ...] = (
    Column("contour_id", "text", "Elevation, and place of the first vertex.", required=True),
    Column("elevation_m", "number", "Elevation of the line, metres above the vertical datum.", required=True),
    Column("is_index", "boolean", "Every fifth line (courbe maîtresse), drawn thicker on maps.", required=True),
    Column("is_closed", "boolean", "Whether it is a ring inside the cell.", required=True),
)
"""Columns of the layer ``contour_lines``; the geometry comes after them."""

_AZIMUTH_DEG, _SUN_HEIGHT_DEG = 315.0, 45.0  # light from the north-west, by cartographic custom
_INDEX = 5
_MOST_LINES = 20_000
_MM = 1000
_WHOLE = 1e-9  # of a pixel


def slope_deg(widened: NDArray[np.float32], resolution_m: float) -> NDArray[np.float32]:
    """Slope (*pente*) of the inner pixels, degrees from the horizontal; NaN where one of the nine pixels is unknown.

    Parameters: ``widened`` terrain (n_rows + 2, n_columns + 2), north up, metres: the grid and a pixel on each side.

    Source: Horn 1981, Hill shading and the reflectance map, Proceedings of the IEEE 69(1): third-order finite
    differences weighted by the inverse of the distance.
    """
    east, north = _gradient(widened, resolution_m)
    return np.degrees(np.arctan(np.sqrt(east * east + north * north))).astype(np.float32)


def hillshade(widened: NDArray[np.float32], resolution_m: float) -> NDArray[np.uint8]:
    """Shaded relief (*estompage*) of the inner pixels, light from 315° at 45°: 1 (dark) to 255; 0 where unknown.

    Parameters as ``slope_deg``. Source: Horn 1981 (Lambertian surface).
    """
    east, north = _gradient(widened, resolution_m)
    azimuth, height = math.radians(_AZIMUTH_DEG), math.radians(_SUN_HEIGHT_DEG)
    facing = math.sin(height) - math.cos(height) * (math.sin(azimuth) * east + math.cos(azimuth) * north)
    light = np.maximum(facing / np.sqrt(1 + east * east + north * north), 0.0)
    return np.where(np.isnan(light), 0.0, 1 + np.rint(254 * np.nan_to_num(light))).astype(np.uint8)


def _gradient(widened: NDArray[np.float32], size: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rise per metre towards east and north."""
    z = widened.astype(np.float64)
    up, down = z[:-2], z[2:]
    east = z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:] - z[:-2, :-2] - 2 * z[1:-1, :-2] - z[2:, :-2]
    north = up[:, :-2] + 2 * up[:, 1:-1] + up[:, 2:] - down[:, :-2] - 2 * down[:, 1:-1] - down[:, 2:]
    unknown = np.isnan(z[1:-1, 1:-1])
    east[unknown] = north[unknown] = np.nan
    return east / (8 * size), north / (8 * size)


def contour_lines(values: NDArray[np.float32], grid: Grid, interval_m: float) -> list[dict[str, Any]]:
    """Lines of equal elevation at the multiples of an interval, from pixel centre to pixel centre.

    Where two parts of a terrain share a row or a column of pixels, their lines end in the same points there, to the
    last bit: each vertex lies between two neighbouring pixels, follows from their places and values alone, and is
    rounded to the millimetre. No line crosses a square with an unknown corner.

    Parameters: ``values`` (n_rows, n_columns) of the pixels of ``grid``, north up, metres. Returns records with the
    ``COLUMNS`` and ``geometry``, by elevation, then place; none for fewer than two rows or columns.
    Raises ``AssemblyError`` for an interval that would give more than 20,000 elevations.

    Source: marching squares, by contourpy.
    """
    if not np.isfinite(values).any() or min(values.shape) < 2:
        return []
    first = math.ceil(float(np.nanmin(values)) / interval_m)
    last = math.floor(float(np.nanmax(values)) / interval_m)
    if last - first > _MOST_LINES:
        raise AssemblyError(
            "the interval is too small for the relief",
            where="contour_interval_m",
            found=f"{last - first + 1} elevations at {interval_m} m",
            expected=f"at most {_MOST_LINES}",
            remedy="choose a wider interval",
        )
    known = np.ma.masked_invalid(values.astype(np.float64))
    generator = contour_generator(z=known, line_type=LineType.Separate, name="serial", corner_mask=False)
    found = []
    for number in range(first, last + 1):
        elevation = round(number * interval_m, 6)
        for line in generator.lines(elevation):
            vertices = _placed(np.asarray(line), known.data, grid, elevation)
            if len(vertices) < 2:
                continue
            geometry = shapely.normalize(LineString(vertices))
            x, y = geometry.coords[0]
            found.append(
                {
                    "contour_id": f"{elevation:.10g}_{x:.3f}_{y:.3f}",
                    "elevation_m": elevation,
                    "is_index": number % _INDEX == 0,
                    "is_closed": geometry.is_closed,
                    "geometry": geometry,
                }
            )
    return sorted(found, key=lambda one: (one["elevation_m"], one["geometry"].wkb))


def _placed(
    line: NDArray[np.float64], values: NDArray[np.float64], grid: Grid, elevation: float
) -> NDArray[np.float64]:
    """Vertices (n, 2) in the CRS from those in pixels, each computed anew from the two pixels that it lies between."""
    # One of the two is whole, give or take a rounding of contourpy's.
    off = np.abs(line - np.rint(line))
    is_across, is_down = (off[:, 0] > off[:, 1]) & (off[:, 0] > _WHOLE), (off[:, 1] >= off[:, 0]) & (off[:, 1] > _WHOLE)
    column = np.where(is_across, np.floor(line[:, 0]), np.rint(line[:, 0])).astype(np.int64)
    row = np.where(is_down, np.floor(line[:, 1]), np.rint(line[:, 1])).astype(np.int64)
    next_column, next_row = (
        np.minimum(column + is_across, grid.n_columns - 1),
        np.minimum(row + is_down, grid.n_rows - 1),
    )
    here, there = values[row, column], values[next_row, next_column]
    is_between = is_across | is_down
    share = np.zeros(len(line))
    share[is_between] = (elevation - here[is_between]) / (there[is_between] - here[is_between])
    size = pixel_quanta(grid.resolution_m)
    x0, y0 = grid.first_centre
    x = (x0 + column * size + np.where(is_across, share, 0.0) * size) / QUANTA_PER_M
    y = (y0 - row * size - np.where(is_down, share, 0.0) * size) / QUANTA_PER_M
    vertices = np.column_stack((np.rint(x * _MM) / _MM, np.rint(y * _MM) / _MM))
    moved = np.ones(len(vertices), np.bool_)
    moved[1:] = (np.diff(vertices, axis=0) != 0).any(axis=1)
    return vertices[moved]
