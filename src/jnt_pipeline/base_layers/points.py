"""Classified LiDAR points as plain arrays: those of one area, and those that pass by in a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.reference import Reference

__all__ = ["QUANTA_PER_M", "PointBlock", "PointChunk"]

QUANTA_PER_M = 10_000
"""Planimetry and elevations are computed in whole tenths of a millimetre: LiDAR HD is delivered in centimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointChunk:
    """Some points of a stream (*flux de points*): whole steps from an origin, as LAS stores them, nothing rounded.

    Easting, northing and elevation are ``steps · step + origin``, in tenths of a millimetre.
    """

    x: NDArray[np.int32]
    """Shape (n,): steps in easting; contiguous, like all of them."""
    y: NDArray[np.int32]
    z: NDArray[np.int32]
    classification: NDArray[np.uint8]
    """Shape (n,): ASPRS / IGN class codes."""
    step: tuple[int, int, int]
    origin: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def of(cls, xyz: NDArray[np.float64], classification: NDArray[np.uint8]) -> PointChunk:
        """Points (n, 3) in metres, rounded to tenths of a millimetre.

        Raises ``ValueError`` where they are not finite, or farther than 200 km from one another.
        """
        if not len(xyz):
            nothing = np.empty(0, np.int32)
            return cls(x=nothing, y=nothing, z=nothing, classification=classification, step=(1, 1, 1), origin=(0, 0, 0))
        low, high = np.rint(xyz.min(axis=0) * QUANTA_PER_M), np.rint(xyz.max(axis=0) * QUANTA_PER_M)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (high - low).max() < 2**31):
            raise ValueError(f"points that are not finite, or too far apart: {low.tolist()} to {high.tolist()}")
        x, y, z = (
            np.ascontiguousarray((np.rint(xyz[:, axis] * QUANTA_PER_M) - low[axis]).astype(np.int32))
            for axis in range(3)
        )
        origin = (int(low[0]), int(low[1]), int(low[2]))
        return cls(x=x, y=y, z=z, classification=classification, step=(1, 1, 1), origin=origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointBlock:
    """Points (*nuage de points*) gathered from one or several tiles."""

    xyz: NDArray[np.float64]
    """Shape (n, 3): easting, northing (metres) and elevation (metres above the vertical datum)."""
    classification: NDArray[np.uint8]
    """Shape (n,): ASPRS / IGN class codes."""
    reference: Reference

    def __len__(self) -> int:
        return len(self.xyz)

    def inside(self, bounds: Bounds) -> PointBlock:
        """The points with west <= easting < east and south <= northing < north."""
        x, y = self.xyz[:, 0], self.xyz[:, 1]
        west, south, east, north = bounds
        keep = (x >= west) & (x < east) & (y >= south) & (y < north)
        return PointBlock(xyz=self.xyz[keep], classification=self.classification[keep], reference=self.reference)

    def of_classes(self, *codes: int) -> PointBlock:
        """The points of the given classes."""
        keep = np.isin(self.classification, np.asarray(codes, dtype=np.uint8))
        return PointBlock(xyz=self.xyz[keep], classification=self.classification[keep], reference=self.reference)

    @staticmethod
    def joined(blocks: list[PointBlock]) -> PointBlock:
        """One block from several of the same reference (at least one)."""
        references = {block.reference for block in blocks}
        if len(references) != 1:
            raise ValueError(f"point blocks of different references: {sorted(map(str, references))}")
        return PointBlock(
            xyz=np.concatenate([block.xyz for block in blocks]),
            classification=np.concatenate([block.classification for block in blocks]),
            reference=blocks[0].reference,
        )
