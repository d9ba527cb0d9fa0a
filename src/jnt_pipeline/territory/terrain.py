"""Terrain, surface and height rasters (*MNT, MNS, MNH*) from classified LiDAR points.

Each pixel is the value, at its centre, of the Delaunay triangulation of the points around it. It depends on those
points alone, to the last bit: rasters derived tile by tile, with ``buffer_m`` of points from the neighbours, are
equal where they meet.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.delaunay import interpolate_rows
from jnt_pipeline.territory.grid import Grid, pixel_quanta, quanta
from jnt_pipeline.territory.terrain_cells import CellIndex, highest_per_pixel, index_points

__all__ = ["TerrainParameters", "derive_dhm", "derive_dsm", "derive_dtm"]

logger = logging.getLogger(__name__)

REACH_MARGIN_M = 0.01
"""Points are looked for this much farther than the longest edge, for the rounding of coordinates and of its length."""

_FARTHEST_M = 100_000.0  # int32 tenths of a millimetre reach 214 km
_ROWS_PER_BLOCK = 64


class TerrainParameters(BaseModel):
    """How terrain rasters are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution_m: float = Field(
        default=0.5, ge=0.1, le=10, description="Size of a pixel, metres; 1000 m must be a whole number of pixels."
    )
    buffer_m: float = Field(
        default=110.0, ge=5, le=200, description="Width of the band of points read around a tile, metres."
    )
    void_max_m: float = Field(
        # Most supermarkets and sheds are narrower, and it costs nothing: on the decimated tile 0292_6833 of IGN's
        # tests 99.9 % of the cells are known, 98.3 % at 40 m.
        default=100.0,
        ge=1,
        le=199,
        description="Longest edge of a triangle across which the terrain is interpolated, metres: a building "
        "narrower than this is bridged. Less than buffer_m, so that tiles agree.",
    )
    surface_void_max_m: float = Field(
        default=5.0,
        ge=0,
        le=199,
        description="Longest edge of a triangle across which the surface is interpolated between the highest points "
        "of the pixels around, metres; the terrain stands in across wider voids. 0: always.",
    )
    ground_classes: tuple[int, ...] = Field(
        default=(2, 9, 66),
        min_length=1,
        description="Classes the terrain follows: ground, water, and IGN's virtual points under water and bridges.",
    )
    surface_excluded_classes: tuple[int, ...] = Field(
        default=(7, 18, 65, 66),
        description="Classes that are not part of the surface: low and high noise, IGN's artefacts and virtual points.",
    )

    @field_validator("resolution_m")
    @classmethod
    def _divides(cls, value: float) -> float:
        try:
            pixel_quanta(value)
        except AssemblyError as error:
            raise ValueError(f"{value} m does not divide a kilometre into whole pixels") from error
        return value

    @field_validator("ground_classes", "surface_excluded_classes")
    @classmethod
    def _codes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 <= code <= 255 for code in value):
            raise ValueError(f"class codes are 0 to 255, found {value}")
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _within_buffer(self) -> Self:
        # A pixel's value depends on the points within void_max_m of it in either axis, and all of them have been
        # read. One pixel more: the surface is triangulated from the highest point of each pixel, which needs whole
        # pixels.
        for name in ("void_max_m", "surface_void_max_m"):
            if getattr(self, name) + self.resolution_m + REACH_MARGIN_M > self.buffer_m:
                raise ValueError(
                    f"{name} ({getattr(self, name)} m) + resolution_m + {REACH_MARGIN_M} m exceeds buffer_m "
                    f"({self.buffer_m} m): neighbouring tiles would disagree"
                )
        return self


def derive_dtm(
    points: PointBlock, grid: Grid, parameters: TerrainParameters, *, n_threads: int | None = None
) -> NDArray[np.float32]:
    """Bare ground (*modèle numérique de terrain*): linear interpolation in the Delaunay triangulation of its points.

    A pixel has a value where it lies on a ground point, or in a triangle (edges included) whose edges are all at most
    ``void_max_m`` long. The triangle is that of the points within ``void_max_m`` of the pixel in either axis: no point
    farther away is looked at.

    Parameters
    ----------
    points
        Points of the grid's extent and of ``buffer_m`` around it, in the horizontal CRS of the grid, in any order.
        Coordinates are rounded to 0.1 mm; of several points at one position the lowest counts.
    grid
        Pixels to fill.
    parameters
        ``ground_classes``, ``void_max_m`` and ``buffer_m`` are used.
    n_threads
        Threads; None: one per processor that this process may use. The result does not depend on it.

    Returns
    -------
    float32, shape (n_rows, n_columns), north up, metres above the vertical datum; NaN where nothing is known.

    Raises ``AssemblyError`` where resolutions differ, or for coordinates that are not finite or beyond 100 km from
    the grid.

    Source: method of IGN's LiDAR HD MNT (linear TIN of classes 2, 9 and 66), reproduced to the millimetre.
    """
    _check(points, grid, parameters)
    values = np.full(grid.shape, np.nan, np.float32)
    xyz = np.ascontiguousarray(points.xyz, np.float64)
    classes = np.ascontiguousarray(points.classification, np.uint8)
    _terrain(xyz, classes, grid, parameters, np.ones(grid.shape, np.bool_), values, n_threads)
    return values


def derive_dsm(
    points: PointBlock, grid: Grid, parameters: TerrainParameters, *, n_threads: int | None = None
) -> NDArray[np.float32]:
    """Surface of ground and what stands on it (*modèle numérique de surface*): highest return of each pixel.

    Classes of ``surface_excluded_classes`` do not count. A pixel without return is filled, in this order: from the
    Delaunay triangulation of the highest returns of the pixels around, where the edges are at most
    ``surface_void_max_m`` long (a gap between scan lines, on a roof as on the ground); else with the terrain of
    ``derive_dtm`` (water, wide shadows); else NaN. A pixel holds its west and its north edge.

    Parameters, result and errors as ``derive_dtm``. IGN's MNS is not a plain maximum: the two differ in trees and
    at roof edges.
    """
    _check(points, grid, parameters)
    xyz = np.ascontiguousarray(points.xyz, np.float64)
    classes = np.ascontiguousarray(points.classification, np.uint8)
    codes = tuple(code for code in range(256) if code not in parameters.surface_excluded_classes)

    size = pixel_quanta(grid.resolution_m)
    width = quanta(parameters.surface_void_max_m)
    reach = width + quanta(REACH_MARGIN_M)
    rim = -(-reach // size)  # pixels around the grid whose highest return may matter
    x, y = grid.first_centre
    pixels = (x - rim * size, y + rim * size, size)
    best = highest_per_pixel(xyz, classes, codes, pixels, (grid.n_rows + 2 * rim, grid.n_columns + 2 * rim))
    inner = best[rim : rim + grid.n_rows, rim : rim + grid.n_columns]
    is_empty = inner < 0
    values = np.full(grid.shape, np.nan, np.float32)
    values[~is_empty] = xyz[inner[~is_empty], 2]
    if width and is_empty.any():
        tops = xyz[best[best >= 0]]
        index = index_points(tops, np.zeros(len(tops), np.uint8), (0,), _box(grid, reach))
        _interpolate(index, grid, reach, width, is_empty, values, n_threads)
    is_void = np.isnan(values)
    if is_void.any():
        _terrain(xyz, classes, grid, parameters, is_void, values, n_threads)
    return values


def derive_dhm(dsm: NDArray[np.float32], dtm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Height above ground (*modèle numérique de hauteur*): DSM - DTM exactly, NaN where either is unknown.

    Never clamped: a few centimetres below zero are the noise of the ground returns. Raises ``AssemblyError`` where
    the shapes differ.
    """
    if dsm.shape != dtm.shape:
        raise AssemblyError(
            "surface and terrain have different shapes",
            where="dhm",
            found=f"DSM {dsm.shape}, DTM {dtm.shape}",
            expected="rasters of one grid",
            remedy="derive both with the same Grid",
        )
    return np.subtract(dsm, dtm, dtype=np.float32)


def _check(points: PointBlock, grid: Grid, parameters: TerrainParameters) -> None:
    """Refuse what would be computed wrongly without a sign of it."""
    if grid.resolution_m != parameters.resolution_m:
        raise AssemblyError(
            "grid and parameters have different resolutions",
            where="terrain",
            found=f"grid {grid.resolution_m} m, parameters {parameters.resolution_m} m",
            expected="the same",
            remedy="make the grid with Grid.covering(bounds, parameters.resolution_m)",
        )
    if not len(points):
        return
    low, high = points.xyz.min(axis=0), points.xyz.max(axis=0)  # NaN and infinities show in them
    west, south, east, north = grid.bounds
    floor = np.array([west, south, 0.0]) - _FARTHEST_M
    ceiling = np.array([east, north, 0.0]) + _FARTHEST_M
    if not (np.all(low >= floor) and np.all(high <= ceiling)):
        raise AssemblyError(
            "points are not finite, or are far from the raster",
            where="terrain",
            found=f"points from {low.tolist()} to {high.tolist()}, raster {grid.bounds}",
            expected=f"within {_FARTHEST_M:.0f} m of the raster and of elevation 0",
            remedy="check that points and raster are in the same CRS, and the file for damaged records",
        )


def _box(grid: Grid, reach: int) -> tuple[int, int, int, int]:
    """Pixel centres widened by ``reach``, tenths of a millimetre."""
    x, y = grid.first_centre
    size = pixel_quanta(grid.resolution_m)
    east, south = x + (grid.n_columns - 1) * size, y - (grid.n_rows - 1) * size
    return x - reach, south - reach, east + reach, y + reach


def _terrain(
    xyz: NDArray[np.float64],
    classes: NDArray[np.uint8],
    grid: Grid,
    parameters: TerrainParameters,
    wanted: NDArray[np.bool_],
    values: NDArray[np.float32],
    n_threads: int | None,
) -> None:
    """Write the terrain into the wanted pixels."""
    width = quanta(parameters.void_max_m)
    reach = width + quanta(REACH_MARGIN_M)
    index = index_points(xyz, classes, parameters.ground_classes, _box(grid, reach))
    logger.debug("terrain: %d ground points, cells of %.2f m", len(index), index.frame[0] / quanta(1))
    _interpolate(index, grid, reach, width, wanted, values, n_threads)


def _interpolate(
    index: CellIndex,
    grid: Grid,
    reach: int,
    width: int,
    wanted: NDArray[np.bool_],
    values: NDArray[np.float32],
    n_threads: int | None,
) -> None:
    """Rows in blocks over threads; the kernel releases the GIL, and no block depends on another."""
    x, y = grid.first_centre
    cells = (index.x, index.y, index.z, index.starts)
    origin = (x - index.frame[3], y - index.frame[4], pixel_quanta(grid.resolution_m))

    def fill(first: int) -> None:
        raster = (*origin, first, min(first + _ROWS_PER_BLOCK, grid.n_rows))
        interpolate_rows(cells, index.frame, raster, reach, float(width), wanted, values)

    blocks = range(0, grid.n_rows, _ROWS_PER_BLOCK)
    with ThreadPoolExecutor(max_workers=n_threads or _processors()) as pool:
        for _ in pool.map(fill, blocks):  # raises what a block raised
            pass


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
