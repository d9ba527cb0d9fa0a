"""The layers of BD TOPO version 3 (IGN)."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema

__all__ = ["BDTOPO"]

BDTOPO: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="topo_buildings",
        title="Buildings of BD TOPO",
        key="topo_building_id",
        shape="polygon",
        keeps_other_columns=True,
        columns=(
            Column("topo_building_id", "text", "IGN identifier (cleabs), 24 characters.", required=True),
            Column("rnb_ids", "text", "RNB ids that BD TOPO states, joined with |."),
            Column("nature", "text", "Nature of the building, in IGN's words."),
            Column("main_use", "text", "First use (usage 1), in IGN's words."),
            Column("is_light", "boolean", "Whether it is a light construction (construction légère)."),
            Column("state", "text", "State of the object (état de l'objet): En service, En projet, …"),
            Column("height_m", "number", "Height (hauteur), metres; absent where unknown."),
            Column("min_ground_elevation_m", "number", "Lowest ground elevation, metres above the vertical datum."),
            Column("min_roof_elevation_m", "number", "Lowest roof edge, metres above the vertical datum."),
            Column("max_roof_elevation_m", "number", "Highest roof point, metres above the vertical datum."),
            Column("area_m2", "number", "Area of the outline, m²."),
            Column("created_on", "text", "Date of creation in the source, YYYY-MM-DD."),
            Column("updated_on", "text", "Date of last change in the source, YYYY-MM-DD."),
        ),
    ),
)
