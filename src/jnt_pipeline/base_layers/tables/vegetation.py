"""The layer of the trees that LiDAR shows."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema

__all__ = ["VEGETATION"]

VEGETATION: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="lidar_trees",
        title="Trees seen by LiDAR",
        key="tree_id",
        shape="point",
        columns=(
            Column(
                "tree_id", "text", "From the place of the highest return: T<easting>_<northing>, cm.", required=True
            ),
            Column("height_m", "number", "Highest return (hauteur) above the ground below it, metres.", required=True),
            Column("ground_elevation_m", "number", "Ground (altitude du sol) below it, m above the vertical datum."),
            Column("top_elevation_m", "number", "Highest return (altitude de la cime), m above the vertical datum."),
            Column("crown_area_m2", "number", "Area of the crown (houppier) as seen from above, m²."),
            Column("crown_diameter_m", "number", "Diameter of the circle of that area, metres."),
            Column("is_crown_whole", "boolean", "False where the crown reaches what the survey does not know."),
        ),
    ),
)
