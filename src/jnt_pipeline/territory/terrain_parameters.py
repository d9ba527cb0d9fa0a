"""TerrainParameters: how terrain rasters are made (*paramètres des MNT, MNS, MNH, MHC*)."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.grid import pixel_quanta

__all__ = ["REACH_MARGIN_M", "SPIKE_REACH_M", "TerrainParameters"]

REACH_MARGIN_M = 0.01
"""Points are looked for this much farther than the longest edge, for the rounding of coordinates and of its length."""
SPIKE_REACH_M = 2.0
"""Neighbours that judge whether a return is a spike lie within so far of it."""

_WATER = ("is_water_flat", "water_spread_max_m", "water_min_area_m2")
_DERIVED = ("derived", "contour_interval_m")


class TerrainParameters(BaseModel):
    """How terrain rasters are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolution_m: float = Field(
        default=0.5, ge=0.1, le=10, description="Size of a pixel, metres; 1000 m must be a whole number of pixels."
    )
    buffer_m: float = Field(
        default=110.0, ge=5, le=200, description="Width of the band of points read around a tile, metres."
    )
    void_max_m: float = Field(
        # Most supermarkets and sheds are narrower, and it costs nothing: on the decimated tile 0292_6833 of IGN's
        # tests 99.9 % of the cells are known, 98.3 % at 40 m.
        default=100.0,
        ge=1,
        le=199,
        description="Longest edge of a triangle across which the terrain is interpolated, metres: a building "
        "narrower than this is bridged. Less than buffer_m, so that tiles agree.",
    )
    surface_void_max_m: float = Field(
        default=5.0,
        ge=0,
        le=199,
        description="Longest edge of a triangle across which the surface is interpolated between the highest points "
        "of the pixels around, metres; the terrain stands in across wider voids. 0: always.",
    )
    ground_classes: tuple[int, ...] = Field(
        default=(2, 9, 66),
        min_length=1,
        description="Classes the terrain follows: ground, water, and IGN's virtual points under water and bridges.",
    )
    spike_m: float | None = Field(
        default=1.0,
        ge=0.2,
        le=100,
        description="A ground return that stands out of all its neighbours within 2 m, above or below, by more than "
        "this is not followed by the terrain, metres; null: all are followed.",
    )
    ground_sigma_m: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Standard deviation of the elevation of a ground return, metres; the confidence of the terrain "
        "rests on it.",
    )
    is_water_flat: bool = Field(
        default=True, description="Whether still water is shown flat, at the level that its returns settle."
    )
    water_spread_max_m: float = Field(
        default=0.15,
        gt=0,
        le=10,
        description="Widest range, from the 5th to the 95th percentile, of elevations that are one water level, "
        "metres; water of a wider range is left as measured.",
    )
    water_min_area_m2: float = Field(
        default=100.0, ge=1, description="Smallest water body that no register draws and the terrain shows flat, m²."
    )
    derived: tuple[Literal["slope", "hillshade", "contour_lines"], ...] = Field(
        default=(), description="What is further derived from the terrain: slope, hillshade, contour_lines."
    )
    contour_interval_m: float = Field(
        default=5.0, ge=0.1, le=1000, description="From one contour line to the next, metres of elevation."
    )
    surface_excluded_classes: tuple[int, ...] = Field(
        default=(7, 18, 65, 66),
        description="Classes that are not part of the surface: low and high noise, IGN's artefacts and virtual points.",
    )

    vegetation_classes: tuple[int, ...] = Field(
        default=(3, 4, 5),
        description="Classes whose highest return above the ground is the canopy: low, medium and high vegetation.",
    )

    @property
    def spike_reach_m(self) -> float:
        """How far beyond the points that count those lie that judge them, metres."""
        return 0.0 if self.spike_m is None else SPIKE_REACH_M

    def of_points(self) -> dict[str, Any]:
        """The parameters that the rasters of points hang on, as JSON values: those of later steps are left out."""
        return self.model_dump(mode="json", exclude={*_WATER, *_DERIVED})

    def of_water(self) -> dict[str, Any]:
        """The parameters that water levels and flat terrain hang on."""
        return self.model_dump(mode="json", exclude=set(_DERIVED))

    @field_validator("resolution_m")
    @classmethod
    def _divides(cls, value: float) -> float:
        try:
            pixel_quanta(value)
        except AssemblyError as error:
            raise ValueError(f"{value} m does not divide a kilometre into whole pixels") from error
        return value

    @field_validator("ground_classes", "surface_excluded_classes", "vegetation_classes")
    @classmethod
    def _codes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 <= code <= 255 for code in value):
            raise ValueError(f"class codes are 0 to 255, found {value}")
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _within_buffer(self) -> Self:
        # A pixel's value depends on the points within void_max_m of it in either axis, and all of them have been
        # read. One pixel more: the surface is triangulated from the highest point of each pixel, which needs whole
        # pixels.
        for name, more in (("void_max_m", self.spike_reach_m), ("surface_void_max_m", 0.0)):
            margin = REACH_MARGIN_M + more
            if getattr(self, name) + self.resolution_m + margin > self.buffer_m:
                raise ValueError(
                    f"{name} ({getattr(self, name)} m) + resolution_m + {margin} m exceeds buffer_m "
                    f"({self.buffer_m} m): neighbouring tiles would disagree"
                )
        return self
