"""Terrain, surface, height and canopy rasters (*MNT, MNS, MNH, MHC*) from classified LiDAR points.

Each pixel is the value, at its centre, of the Delaunay triangulation of the points around it. It depends on those
points alone, to the last bit: rasters derived tile by tile, with ``buffer_m`` of points from the neighbours, are
equal where they meet.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import PointBlock, PointChunk
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.delaunay import interpolate_rows
from jnt_pipeline.territory.grid import QUANTA_PER_M, Grid, pixel_quanta, quanta
from jnt_pipeline.territory.terrain_cells import CellIndex, CellWindow, PointStrips
from jnt_pipeline.territory.terrain_parameters import REACH_MARGIN_M, SPIKE_REACH_M, TerrainParameters
from jnt_pipeline.territory.terrain_points import TerrainPoints
from jnt_pipeline.territory.terrain_spikes import are_spikes, without_spikes

__all__ = [
    "TerrainParameters",
    "TerrainPoints",
    "derive_dhm",
    "derive_dsm",
    "derive_dtm",
    "derive_surfaces",
    "derive_tops",
]

logger = logging.getLogger(__name__)

_FARTHEST_M = 100_000.0  # int32 tenths of a millimetre reach 214 km
_ROWS_PER_BLOCK = 64
_WINDOW = quanta(64.0)  # height of the rows at work
_NARROW = quanta(30.0)
"""Longest edge looked for at first. A triangle with so small a circle is the same however far one looks, and nearly all
are: memory holds the points around the rows at work within this distance, and wider ones only where pixels are left."""


def derive_dtm(
    points: PointBlock, grid: Grid, parameters: TerrainParameters, *, n_threads: int | None = None
) -> NDArray[np.float32]:
    """Bare ground (*modèle numérique de terrain*): linear interpolation in the Delaunay triangulation of its points.

    A ground point that stands out of all its neighbours within 2 m by more than ``spike_m`` is not followed.
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
        ``ground_classes``, ``void_max_m``, ``spike_m`` and ``buffer_m`` are used.
    n_threads
        Threads; None: one per processor that this process may use. The result does not depend on it.

    Returns
    -------
    float32, shape (n_rows, n_columns), north up, metres above the vertical datum; NaN where nothing is known.

    Raises ``AssemblyError`` where resolutions differ, or for coordinates that are not finite or beyond 100 km from
    the grid.

    Source: method of IGN's LiDAR HD MNT (linear TIN of classes 2, 9 and 66), reproduced to the millimetre.
    """
    return _terrain(_gathered(points, grid, parameters, with_surface=False), n_threads)


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
    return derive_surfaces(_gathered(points, grid, parameters), n_threads=n_threads)[1]


def derive_surfaces(
    points: TerrainPoints, *, n_threads: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """DTM and DSM of the points that were gathered for a grid: those of ``derive_dtm`` and ``derive_dsm``.

    The gathered ground points are used up.
    """
    dtm = _terrain(points, n_threads)
    found = points.is_return[_inner(points)]
    dsm = np.where(found, points.top_z[_inner(points)] / np.float64(QUANTA_PER_M), np.nan).astype(np.float32)
    width = quanta(points.parameters.surface_void_max_m)
    if width and not found.all():
        _interpolate(points.tops(), points.grid, width, ~found, dsm, n_threads)
    return dtm, np.where(np.isnan(dsm), dtm, dsm)


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


def derive_tops(points: TerrainPoints, kind: int, dtm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest return of a kind in each pixel, above the terrain: of vegetation, the canopy (*hauteur de canopée*, MHC).

    float32, metres: 0 where no return of the kind lies in the pixel, NaN where the terrain is unknown. ``kind``: place
    among the ``kinds`` that the points were gathered with; ``dtm`` is their terrain.
    """
    heights = points.kind_z[kind] / np.float64(QUANTA_PER_M) - dtm
    return np.where(np.isnan(dtm), np.nan, np.where(points.is_of_kind[kind], heights, 0.0)).astype(np.float32)


def _gathered(
    points: PointBlock, grid: Grid, parameters: TerrainParameters, *, with_surface: bool = True
) -> TerrainPoints:
    """What matters of a block; refuses what would be computed wrongly without a sign of it."""
    gathered = TerrainPoints(grid, parameters, with_surface=with_surface)
    if not len(points):
        return gathered
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
    gathered.add(PointChunk.of(points.xyz, np.ascontiguousarray(points.classification, np.uint8)))
    return gathered


def _inner(points: TerrainPoints) -> tuple[slice, slice]:
    """The pixels of the grid among those with their rim."""
    rim, grid = points.rim, points.grid
    return slice(rim, rim + grid.n_rows), slice(rim, rim + grid.n_columns)


def _terrain(points: TerrainPoints, n_threads: int | None) -> NDArray[np.float32]:
    logger.debug("terrain: %d ground points", points.ground.n_points)
    values = np.full(points.grid.shape, np.nan, np.float32)
    width, wanted = quanta(points.parameters.void_max_m), np.ones(points.grid.shape, np.bool_)
    spike_m = points.parameters.spike_m
    if width > _NARROW:
        points.spikes = _interpolate(
            points.ground, points.grid, _NARROW, wanted, values, n_threads, spike_m=spike_m, sure=True
        )
        if wanted.any():
            _interpolate(points.ground, points.grid, width, wanted, values, n_threads, spike_m=spike_m)
    else:
        points.spikes = _interpolate(points.ground, points.grid, width, wanted, values, n_threads, spike_m=spike_m)
    return values


def _interpolate(
    strips: PointStrips,
    grid: Grid,
    width: int,
    wanted: NDArray[np.bool_],
    values: NDArray[np.float32],
    n_threads: int | None,
    *,
    spike_m: float | None = None,
    sure: bool = False,
) -> NDArray[np.int64]:
    """Fill the wanted pixels: rows in windows from the south, those of a window in blocks over threads.

    ``spike_m``: how far points that do not count stand out; returns the row and column of those in the rows worked on.
    ``sure``: only pixels whose value no point farther than ``width`` could change, which are not wanted afterwards; the
    points are kept for the others. The kernel releases the GIL, and no block depends on another.
    """
    x, y = grid.first_centre
    size, reach = pixel_quanta(grid.resolution_m), width + quanta(REACH_MARGIN_M)
    around = 0 if spike_m is None else quanta(SPIKE_REACH_M)
    blocks = None
    if not sure and not wanted.all():
        columns = x - strips.box[0] + np.arange(grid.n_columns) * size
        rows = y - strips.box[1] - np.arange(grid.n_rows) * size
        blocks = strips.blocks_near(columns, rows, wanted, reach + around)
    window = CellWindow(strips, blocks=blocks, keeps_strips=sure)
    n_rows = max(_ROWS_PER_BLOCK, _WINDOW // size)

    def fill(first: int, end: int, index: CellIndex) -> None:
        cells, frame = (index.x, index.y, index.z, index.starts), index.frame
        raster = (x - frame[3], y - frame[4], size, first, end)
        interpolate_rows(cells, frame, raster, reach, float(width), sure, wanted, values)

    def fill_window(begin: int, end: int) -> NDArray[np.int64]:
        south, north = (y - row * size - strips.box[1] for row in (end - 1, begin))
        index = window.over(south - reach - around, north + reach + around, pool.map)
        spikes = np.empty((0, 2), np.int64)
        if spike_m is not None:
            found = are_spikes(index, spike_m)
            spikes = _in_rows(index, found, grid, begin, end)
            index = without_spikes(index, found)
        firsts = range(begin, end, _ROWS_PER_BLOCK)
        ends = (min(first + _ROWS_PER_BLOCK, end) for first in firsts)
        for _ in pool.map(fill, firsts, ends, repeat(index)):  # raises what a block raised
            pass
        return spikes

    with ThreadPoolExecutor(max_workers=n_threads or _processors()) as pool:
        windows = [(max(0, end - n_rows), end) for end in range(grid.n_rows, 0, -n_rows)]
        spikes = [fill_window(begin, end) for begin, end in windows if wanted[begin:end].any()]
    return np.concatenate([*spikes, np.empty((0, 2), np.int64)])


def _in_rows(index: CellIndex, found: NDArray[np.bool_], grid: Grid, begin: int, end: int) -> NDArray[np.int64]:
    """Row and column, (n, 2), of those points found that lie in some rows; a pixel holds its west and north edge."""
    x, y = grid.first_centre
    size = pixel_quanta(grid.resolution_m)
    across = 2 * (index.x[found].astype(np.int64) + (index.frame[3] - x)) + size
    down = 2 * ((y - index.frame[4]) - index.y[found].astype(np.int64)) + size
    rows, columns = down // (2 * size), across // (2 * size)
    inside = (rows >= begin) & (rows < end) & (columns >= 0) & (columns < grid.n_columns)
    return np.column_stack((rows[inside], columns[inside]))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
