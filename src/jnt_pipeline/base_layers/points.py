"""PointBlock: classified LiDAR points of one area, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.reference import Reference

__all__ = ["PointBlock"]


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
