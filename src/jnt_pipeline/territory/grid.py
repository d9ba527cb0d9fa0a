"""Grid: the lattice of raster pixels, registered as IGN's LiDAR HD rasters are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.points import QUANTA_PER_M
from jnt_pipeline.errors import AssemblyError

__all__ = ["QUANTA_PER_M", "Grid", "pixel_quanta", "quanta"]

_KM_QUANTA = 1000 * QUANTA_PER_M


def quanta(metres: float) -> int:
    """The nearest whole number of tenths of a millimetre."""
    return round(metres * QUANTA_PER_M)


def pixel_quanta(resolution_m: float) -> int:
    """Size of a pixel in tenths of a millimetre.

    Raises ``AssemblyError`` where a kilometre is not a whole number of pixels, or a pixel is not a whole number
    of tenths of a millimetre: kilometre tiles would then not share one lattice.
    """
    size = quanta(resolution_m)
    if size <= 0 or abs(size / QUANTA_PER_M - resolution_m) > 1e-9 or _KM_QUANTA % size:
        raise AssemblyError(
            "the resolution does not divide a kilometre tile",
            where="resolution_m",
            found=f"{resolution_m} m",
            expected="a whole number of pixels in 1000 m, such as 0.25, 0.5, 1, 2 or 5 m",
            remedy="choose another resolution",
        )
    return size


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Pixels of one raster, north up; their centres lie on multiples of the resolution.

    The lattice is the same for every extent (*grille de référence*), so rasters of neighbouring tiles abut
    without resampling. Source: measured on IGN's LiDAR HD rasters, whose files are named by the kilometre and
    reach from a quarter of a metre west and north of it.
    """

    west: float
    """Outer edge of the first column, metres in the horizontal CRS of the twin."""
    north: float
    """Outer edge of the first row."""
    resolution_m: float
    """Size of a pixel."""
    n_rows: int
    n_columns: int

    @classmethod
    def covering(cls, bounds: Bounds, resolution_m: float) -> Self:
        """The pixels whose centre has west <= x < east and south < y <= north.

        The half-open rule is that of kilometre tiles named by their north-west corner: centres run from the west
        edge and from the north edge on, and neighbouring tiles share no pixel and leave none out. Computed in whole
        tenths of a millimetre, so no rounding makes a pixel too many.

        Raises ``AssemblyError`` for a resolution that does not divide a kilometre, or bounds without any centre.
        """
        size = pixel_quanta(resolution_m)
        west, south, east, north = (quanta(edge) for edge in bounds)
        first_column, end_column = -(-west // size), -(-east // size)
        first_row, end_row = north // size, south // size  # counted upwards: rows run down from the first
        if end_column <= first_column or first_row <= end_row:
            raise AssemblyError(
                "no pixel centre lies in the bounds",
                where="bounds",
                found=f"{bounds} at {resolution_m} m",
                expected="west < east and south < north, at least one pixel apart",
                remedy="widen the bounds, or choose a finer resolution",
            )
        return cls(
            west=(2 * first_column - 1) * size / (2 * QUANTA_PER_M),
            north=(2 * first_row + 1) * size / (2 * QUANTA_PER_M),
            resolution_m=resolution_m,
            n_rows=first_row - end_row,
            n_columns=end_column - first_column,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n_rows, self.n_columns

    @property
    def transform(self) -> Affine:
        """Pixel corner (column, row) to horizontal CRS."""
        return Affine(self.resolution_m, 0.0, self.west, 0.0, -self.resolution_m, self.north)

    @property
    def first_centre(self) -> tuple[int, int]:
        """Centre of the north-west pixel, easting and northing in tenths of a millimetre: exact."""
        size = pixel_quanta(self.resolution_m)
        return (2 * quanta(self.west) + size) // 2, (2 * quanta(self.north) - size) // 2

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north: outer edges of the pixels."""
        size = pixel_quanta(self.resolution_m)
        x, y = self.first_centre
        south, east = 2 * y - (2 * self.n_rows - 1) * size, 2 * x + (2 * self.n_columns - 1) * size
        return self.west, south / (2 * QUANTA_PER_M), east / (2 * QUANTA_PER_M), self.north

    @property
    def x_centres(self) -> NDArray[np.float64]:
        """Shape (n_columns,): eastings of the pixel centres, metres, rising."""
        x = self.first_centre[0] + pixel_quanta(self.resolution_m) * np.arange(self.n_columns, dtype=np.int64)
        return x / QUANTA_PER_M

    @property
    def y_centres(self) -> NDArray[np.float64]:
        """Shape (n_rows,): northings of the pixel centres, metres, falling (north up)."""
        y = self.first_centre[1] - pixel_quanta(self.resolution_m) * np.arange(self.n_rows, dtype=np.int64)
        return y / QUANTA_PER_M
