"""Small elevation rasters with a known answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine


def write_ascii_grid(
    path: Path,
    values: NDArray[Any],
    *,
    west: float,
    north: float,
    pixel: float = 1.0,
    nodata: float | None = -99999.0,
) -> Path:
    """An ESRI ASCII grid as RGE ALTI is delivered; ``west`` and ``north`` are outer edges."""
    n_rows, n_columns = values.shape
    lines = [f"ncols        {n_columns}", f"nrows        {n_rows}", f"xllcorner    {west:.6f}"]
    lines += [f"yllcorner    {north - n_rows * pixel:.6f}", f"cellsize     {pixel:.6f}"]
    lines += [] if nodata is None else [f"NODATA_value {nodata:.2f}"]
    lines += [" ".join(f"{value:.2f}" for value in row) for row in values.tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def write_geotiff(
    path: Path,
    values: NDArray[Any],
    *,
    west: float,
    north: float,
    pixel: float = 0.5,
    crs: str | None = "EPSG:2154",
    nodata: float | None = -9999.0,
    south_up: bool = False,
) -> Path:
    """A GeoTIFF of one band as LiDAR HD rasters are delivered; bands first where ``values`` has three axes."""
    bands = values if values.ndim == 3 else values[None]
    n_bands, n_rows, n_columns = bands.shape
    transform = Affine(pixel, 0, west, 0, -pixel, north)
    if south_up:
        transform, bands = Affine(pixel, 0, west, 0, pixel, north - n_rows * pixel), bands[:, ::-1]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=n_columns,
        height=n_rows,
        count=n_bands,
        dtype=str(bands.dtype),
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as dataset:
        dataset.write(np.ascontiguousarray(bands))
    return path
