"""VegetationParameters: what counts as a tree, and where its crown ends (*paramètres de la végétation*)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["VegetationParameters"]


class VegetationParameters(BaseModel):
    """How trees are found in the heights of vegetation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_density_m2: float = Field(
        # Tried at 5 and 10 pulses per m², where trees are found; at 0.3 crowns fall into scraps.
        default=3.0, ge=0, le=100,
        description="Where LiDAR has fewer points than this per square metre, no trees are told, points per m².",
    )  # fmt: skip
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
        # A smaller one finds up to 3 % more of generated trees, and splits real crowns.
        default=1.0, gt=0, le=1,
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
        3.416
        """
        width = self.crown_width_m + self.crown_width_growth_per_m * height_m * height_m
        return self.window_share * min(width, self.crown_width_max_m)

    def reach_m(self, resolution_m: float) -> float:
        """Distance beyond which no pixel changes what is said of another one, metres.

        From the highest return of a tree to the top of its smoothed crown, on to any pixel of the crown, from there
        to the end of a window, and four pixels for filling and smoothing.
        """
        return 2 * self.crown_reach_m + self.crown_width_max_m / 2 + 4 * resolution_m
