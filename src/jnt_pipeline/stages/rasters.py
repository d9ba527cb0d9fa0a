"""Raster tiles of the twin on disk: GeoTIFF, float32, metres, NaN where nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.grid import Grid

__all__ = ["write_raster"]


def write_raster(values: NDArray[np.float32], grid: Grid, reference: Reference, path: Path) -> None:
    """Write ``values`` (n_rows, n_columns), north up, as a tiled compressed GeoTIFF."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=grid.n_columns,
        height=grid.n_rows,
        count=1,
        dtype="float32",
        crs=reference.horizontal,
        transform=grid.transform,
        nodata=float("nan"),
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="zstd",
        zstd_level=1,
        predictor=3,
    ) as dataset:
        dataset.write(values, 1)
