"""How roofs are recognised: the parameters, with their origin."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RoofParameters"]


class RoofParameters(BaseModel):
    """How roof planes and faces are found.

    Chosen on made buildings (``samples/made_roofs.py``, ``made_towns.py``) and on points made from published LoD2
    models; no real cloud took part, but for what ``face_cost_m2`` says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plane_distance_m: float = Field(
        # Five times the noise of LiDAR HD (3 cm): tiles, and gutters that hang, stay on their plane.
        default=0.15, gt=0, le=1,
        description="A point farther from a growing plane does not join it, metres.",
    )  # fmt: skip
    seed_rmse_m: float = Field(
        default=0.08, gt=0, le=1,
        description="Where points lie farther than this from a plane through their neighbours, no plane starts, m.",
    )  # fmt: skip
    coplanar_m: float = Field(
        # A step of 8 cm between two halves is an RMSE of 4 cm about their common plane.
        default=0.04, ge=0, le=1,
        description="Planes that one plane replaces with this much more error (RMSE) are one, metres.",
    )  # fmt: skip
    min_plane_area_m2: float = Field(
        default=1.3, gt=0, le=100,
        description="A plane needs the points of so much roof in plan, m²; smaller ones are furniture of the roof.",
    )  # fmt: skip
    max_slope: float = Field(
        # 74 degrees: the steep part of a mansard roof; steeper planes are walls.
        default=3.5, gt=0, le=10,
        description="Steepest roof plane, rise per metre (tangent).",
    )  # fmt: skip
    explained_m: float = Field(
        default=0.3, gt=0, le=2,
        description="Points within this distance of their face count as explained by it, metres.",
    )  # fmt: skip
    face_cost_m2: float = Field(
        # A dormer that a mason would count. Made towns liked 1.5 as well; it gave Delft 595 faces for 160 buildings.
        default=2.0, ge=0, le=100,
        description="A face must explain so much roof that no other face explains, m².",
    )  # fmt: skip
    step_cost_m: float = Field(
        default=0.1, ge=0, le=10,
        description="Roof given up for a metre less of steps between faces, m² per metre.",
    )  # fmt: skip
    ridge_cost_m: float = Field(
        default=0.03, ge=0, le=10,
        description="Roof given up for a metre less of ridges, hips and valleys, m² per metre.",
    )  # fmt: skip
    min_line_m: float = Field(
        default=1.0, gt=0, le=20,
        description="Ridges and steps shorter than this divide no roof, metres.",
    )  # fmt: skip
    max_lines: int = Field(
        default=30, ge=1, le=40,
        description="Lines that divide one roof, at most, those with most support.",
    )  # fmt: skip
    min_explained_share: float = Field(
        default=0.5, ge=0, le=1,
        description="Share of the roof points that the faces of an LoD2 solid must explain, 0 to 1.",
    )  # fmt: skip
    headroom_m: float = Field(
        default=0.5, ge=0, le=10,
        description="No roof rises above the 99th percentile of its points by more than this, metres.",
    )  # fmt: skip
