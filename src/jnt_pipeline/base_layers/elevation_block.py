"""ElevationBlock: pixels of one elevation raster (*MNT, MNS, MNH*) as an array, at places that are whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference

__all__ = ["QUANTUM_DEG", "QUANTUM_M", "ElevationBlock", "Lattice"]

QUANTUM_M = 1e-4
"""Places are counted in tenths of a millimetre where the CRS counts in metres."""

QUANTUM_DEG = 1e-12
"""Places are counted in 1e-12 degrees, 0.1 micrometre, where it counts in degrees: fractions of a second fit."""


@dataclass(frozen=True, slots=True, order=True)
class Lattice:
    """The pixel centres that the rasters of one delivery share, whatever their extent; sorted from fine to coarse."""

    pixel: tuple[int, int]
    """Width and height of a pixel, quanta."""
    phase: tuple[int, int]
    """Easting and northing of a centre, modulo the pixel."""
    quantum: float
    """One quantum in the unit of the CRS."""
    code: str
    """Reference of places and values, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElevationBlock:
    """Neighbouring pixels of one file."""

    name: str
    """Id of the tile they come from."""
    values: NDArray[np.float32]
    """Shape (n_rows, n_columns), north up, metres above the vertical datum (or the ground); NaN where unknown."""
    first: tuple[int, int]
    """Centre of the north-west pixel: x or longitude, y or latitude, quanta."""
    pixel: tuple[int, int]
    """Width and height of a pixel, quanta."""
    quantum: float
    """One quantum in the unit of the CRS: ``QUANTUM_M`` or ``QUANTUM_DEG``."""
    reference: Reference
    """Reference of places and values."""

    @property
    def lattice(self) -> Lattice:
        """The lattice that its pixel centres lie on."""
        phase = self.first[0] % self.pixel[0], self.first[1] % self.pixel[1]
        return Lattice(self.pixel, phase, self.quantum, self.reference.code)
