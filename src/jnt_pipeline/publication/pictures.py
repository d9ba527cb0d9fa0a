"""Small pictures of rasters: shaded relief of the terrain, heights in colours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

__all__ = ["colours_of_heights", "shaded_relief", "write_picture"]

_LARGEST_SIDE_PX = 1024

_RAMP_M = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 25.0, 40.0])
_RAMP_RGB = np.array(
    [
        # Near white for bare ground, then the anchors of matplotlib's viridis reversed: dark is high, and the
        # order of lightness is kept for colour-blind readers and in print.
        (244, 243, 238), (216, 226, 25), (137, 213, 72), (63, 188, 115),
        (31, 150, 139), (45, 112, 142), (64, 67, 135), (68, 1, 84),
    ],
    dtype=np.float64,
)  # fmt: skip


def write_picture(raster: Path, picture: Path, *, colours: bool) -> None:
    """Write a PNG of a GeoTIFF of metres, at most 1024 px a side, transparent where nothing is known.

    ``colours`` paints heights above ground; else the relief is shaded.
    """
    with rasterio.open(raster) as dataset:
        factor = max(1.0, max(dataset.width, dataset.height) / _LARGEST_SIDE_PX)
        shape = (max(1, round(dataset.height / factor)), max(1, round(dataset.width / factor)))
        values = dataset.read(1, out_shape=shape, resampling=Resampling.average)
        step_m = (dataset.width * dataset.res[0]) / shape[1]
    painted = colours_of_heights(values) if colours else shaded_relief(values, step_m)
    alpha = np.where(np.isfinite(values), 255, 0).astype(np.uint8)
    bands = np.concatenate([painted, alpha[None]])
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"):
        # A picture has no place on Earth: the GeoTIFF beside it has.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            picture, "w", driver="PNG", width=shape[1], height=shape[0], count=4, dtype="uint8", ZLEVEL=6
        ) as dataset:
            dataset.write(bands)


def shaded_relief(
    elevations_m: NDArray[Any], step_m: float, *, azimuth_deg: float = 315.0, sun_height_deg: float = 45.0
) -> NDArray[np.uint8]:
    """Shaded relief (*estompage*), shape (3, n_rows, n_columns), light from the north-west by cartographic custom.

    Slopes are doubled where the territory is flat, so that a plain is not a grey sheet.
    Source: Horn, Hill shading and the reflectance map, Proc. IEEE 69(1), 1981 (Lambertian term).
    """
    rows, columns = elevations_m.shape
    if rows < 2 or columns < 2:
        return np.full((3, rows, columns), 200, dtype=np.uint8)
    filled = np.where(np.isfinite(elevations_m), elevations_m, np.nan).astype(np.float64)
    south_ward, east_ward = np.gradient(filled, step_m)
    slope = np.hypot(east_ward, south_ward)
    known = slope[np.isfinite(slope)]
    flat = known.size == 0 or float(np.percentile(known, 90)) < 0.1  # a plain: 90 % below 10 % of slope
    exaggeration = 2.0 if flat else 1.0
    normal = np.stack([-east_ward * exaggeration, south_ward * exaggeration, np.ones_like(filled)])
    normal /= np.linalg.norm(normal, axis=0)
    azimuth, height = np.radians(azimuth_deg), np.radians(sun_height_deg)
    light = np.array([np.sin(azimuth) * np.cos(height), np.cos(azimuth) * np.cos(height), np.sin(height)])
    shade = np.clip(np.tensordot(light, normal, axes=1), 0, 1)
    grey = np.where(np.isfinite(shade), 40 + 215 * shade, 200).astype(np.uint8)
    return np.stack([grey, grey, grey])


def colours_of_heights(heights_m: NDArray[Any]) -> NDArray[np.uint8]:
    """Heights above ground in colours, shape (3, n_rows, n_columns): pale at 0 m, dark violet from 40 m up."""
    known = np.where(np.isfinite(heights_m), heights_m, 0.0)
    return np.stack([np.interp(known, _RAMP_M, _RAMP_RGB[:, band]) for band in range(3)]).astype(np.uint8)
