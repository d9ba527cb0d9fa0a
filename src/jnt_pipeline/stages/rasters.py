"""Raster tiles of the twin on disk: GeoTIFF; metres as float32, NaN where nothing is known, or codes as bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.grid import Grid

__all__ = ["write_codes", "write_raster"]


def write_raster(values: NDArray[np.float32], grid: Grid, reference: Reference, path: Path) -> None:
    """Write ``values`` (n_rows, n_columns), north up, as a tiled compressed GeoTIFF."""
    _write(values, grid, reference, path, nodata=float("nan"), predictor=3)


def write_codes(codes: NDArray[np.uint8], grid: Grid, reference: Reference, path: Path) -> None:
    """Write ``codes`` (n_rows, n_columns), north up, as a tiled compressed GeoTIFF; 0 says that nothing is known."""
    _write(codes, grid, reference, path, nodata=0, predictor=1)


def _write(
    values: NDArray[np.float32] | NDArray[np.uint8],
    grid: Grid,
    reference: Reference,
    path: Path,
    *,
    nodata: float,
    predictor: int,
) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=grid.n_columns,
        height=grid.n_rows,
        count=1,
        dtype=values.dtype.name,
        crs=reference.horizontal,
        transform=grid.transform,
        nodata=nodata,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="zstd",
        zstd_level=1,
        predictor=predictor,
    ) as dataset:
        dataset.write(values, 1)
