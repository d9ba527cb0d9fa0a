"""The ground of the village as a raster of RGE ALTI: ASCII grid, 5 m, with the errors of an older survey."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jnt_pipeline.samples.chance import bell, stream
from jnt_pipeline.samples.town import SampleTown

__all__ = ["RASTER_FILE", "RASTER_SIGMA_M", "write_raster"]

RASTER_FILE = "RGEALTI_FXX_0835_6595_MNT_LAMB93_IGN69.asc"
"""Named after the north-west corner of the 5 km tile in kilometres; only the part around the village is here."""
PIXEL_M, AROUND_M = 5, 40
RASTER_SIGMA_M = 0.15
"""Standard deviation of the raster's elevations; never more than ``chance.NOISE_BOUND`` times it."""


def write_raster(town: SampleTown, folder: Path) -> None:
    """Write the raster: pixel centres on multiples of 5 m, elevations to the centimetre, rows from the north."""
    folder.mkdir(parents=True, exist_ok=True)
    extent = town.extent
    x = np.arange((extent.west - AROUND_M) // PIXEL_M * PIXEL_M, extent.east + AROUND_M + 1, PIXEL_M, dtype=np.float64)
    y = np.arange(
        (extent.south - AROUND_M) // PIXEL_M * PIXEL_M, extent.north + AROUND_M + 1, PIXEL_M, dtype=np.float64
    )
    east, north = np.meshgrid(x, y[::-1])
    ground = town.terrain.elevation(east, north)
    values = np.round(ground + bell(stream(town.seed, "raster"), ground.shape, RASTER_SIGMA_M), 2)
    lines = [
        f"ncols        {len(x)}",
        f"nrows        {len(y)}",
        f"xllcorner    {x[0] - PIXEL_M / 2:.12f}",
        f"yllcorner    {y[0] - PIXEL_M / 2:.12f}",
        f"cellsize     {PIXEL_M:.12f}",
        "NODATA_value  -99999.00",
        *(" " + " ".join(f"{value:.2f}" for value in row) for row in values),
    ]
    (folder / RASTER_FILE).write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
