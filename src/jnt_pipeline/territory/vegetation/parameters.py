"""VegetationParameters: what counts as a tree, and where its crown ends (*paramètres de la végétation*)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["VegetationParameters"]


class VegetationParameters(BaseModel):
    """How trees are found in the heights of vegetation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vegetation_classes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = Field(
        default=(3, 4, 5), min_length=1, description="Class codes of vegetation: low, medium, high (ASPRS, LiDAR HD)."
    )
    tree_min_height_m: float = Field(
        default=2.5, ge=0.5, le=20, description="Height from which vegetation is a tree (arbre) and canopy, metres."
    )
    crown_width_m: float = Field(
        # Popescu & Wynne 2004, "Seeing the Trees in the Forest", equation for pines and deciduous trees together.
        default=2.51503, ge=0.5, le=20,
        description="Expected width of a crown (houppier) of height 0, metres.",
    )  # fmt: skip
    crown_width_growth_per_m: float = Field(
        default=0.00901, ge=0, le=0.1, description="Growth of that width with the square of the height, per metre."
    )
    window_share: float = Field(
        # On the two committed samples: 0.6 finds 2 to 3 % more of the trees than 1, at the same precision.
        default=0.6, gt=0, le=1,
        description="Width of the window as a share of that of the crown: crowns grow into each other.",
    )  # fmt: skip
    crown_width_max_m: float = Field(default=12.0, ge=1, le=40, description="Widest such crown, metres.")
    crown_share: float = Field(
        # Dalponte & Coomes 2016: seed and crown thresholds of 0.45 and 0.55.
        default=0.45, ge=0.1, le=0.95,
        description="A crown (houppier) ends below this share of the height of its top.",
    )  # fmt: skip
    crown_reach_m: float = Field(
        default=12.0, ge=1, le=30, description="A crown reaches no farther from its top than this, metres."
    )

    def window_m(self, height_m: float) -> float:
        """Width of the window of a tree (*fenêtre*), metres.

        >>> round(VegetationParameters().window_m(10.0), 3)
        2.05
        """
        width = self.crown_width_m + self.crown_width_growth_per_m * height_m * height_m
        return self.window_share * min(width, self.crown_width_max_m)

    def reach_m(self, resolution_m: float) -> float:
        """Distance beyond which no pixel changes what is said of another one, metres.

        From the highest return of a tree to the top of its smoothed crown, on to any pixel of the crown, from there
        to the end of a window, and four pixels for filling and smoothing.
        """
        return 2 * self.crown_reach_m + self.crown_width_max_m / 2 + 4 * resolution_m
