"""QualityParameters: the thresholds of the quality rules, with their units and where they come from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["QualityParameters"]


class QualityParameters(BaseModel):
    """What counts as found (*seuils des contrôles*); a rule judges the same whatever they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sliver_width_m: float = Field(
        # The plan is drawn to centimetres, and sheets are put side by side without correction.
        default=0.05,
        ge=0,
        le=5,
        description="Overlaps of a smaller mean width (area over half the perimeter) are slivers: counted, not found.",
    )
    gap_max_m: float = Field(
        # Wider strips are roads and rivers, which the cadastre leaves without a parcel.
        default=1.0,
        gt=0,
        le=20,
        description="Strips between the parcels of two sheets are gaps where they are narrower than this, metres.",
    )
    gap_min_length_m: float = Field(
        default=2.0, ge=0, le=100, description="Shorter gaps are corners, not gaps: left out, metres."
    )
    sheet_area_tolerance_pct: float = Field(
        # Measured on seven real sheets: the totals differ by 0.2 to 1.1 %.
        default=1.5,
        gt=0,
        le=100,
        description="How far the registered areas of a sheet may be from its drawn areas in total, %.",
    )
    parcel_area_difference_pct: float = Field(
        # Registered and drawn areas differ by design: 95 % of real parcels lie within 7 %.
        default=20.0,
        gt=0,
        le=1000,
        description="Parcels whose registered area is farther from the drawn one are told, never as an error, %.",
    )
    commune_tolerance_m: float = Field(
        default=50.0,
        ge=0,
        le=1000,
        description="How far outside its commune a parcel's point may lie, metres: borders of communes are drawn "
        "sheet by sheet and overlap by 20 to 40 m in places.",
    )
    subdivision_tolerance_pct: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="How far the tax subdivisions of a parcel may be from its drawn area in total, %.",
    )
    earliest_year: int = Field(
        default=1807,
        ge=1000,
        le=2100,
        description="Dates before it are impossible: the law that orders the cadastre is of 15 September 1807.",
    )
    expected_sheets: tuple[str, ...] = Field(
        default=(), description="Sheets that the delivery should hold, 12 characters each; empty: not known."
    )
