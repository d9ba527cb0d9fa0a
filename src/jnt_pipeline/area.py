"""AreaOfInterest (*zone d'étude*): the part of the world a twin covers, with its CRS."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator
from shapely.geometry import Polygon, box

__all__ = ["AreaOfInterest", "Bounds"]

Bounds = tuple[float, float, float, float]
"""(west, south, east, north) in the units of the stated CRS."""


class AreaOfInterest(BaseModel):
    """A box in the horizontal CRS of the twin; records that do not meet it are set aside as ``outside_area``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bbox: Bounds = Field(description="West, south, east, north in the twin's horizontal CRS, metres.")

    @field_validator("bbox")
    @classmethod
    def _ordered(cls, value: Bounds) -> Bounds:
        west, south, east, north = value
        if not (west < east and south < north):
            raise ValueError(f"expected west < east and south < north, found {value}")
        return value

    @property
    def polygon(self) -> Polygon:
        """The area as a polygon in the twin's horizontal CRS."""
        return box(*self.bbox)
