"""The table of what the quality rules found."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema

__all__ = ["QUALITY"]

QUALITY: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="quality",
        title="Quality of the base layers",
        key="",
        shape="none",
        columns=(
            Column("rule_code", "text", "Rule that judged, snake_case.", required=True),
            Column("layer", "text", "Layer that it judged.", required=True),
            Column("severity", "text", "info, warning or error: of the rule, whatever it found.", required=True),
            Column("n_judged", "integer", "Records, pairs or sheets that were looked at.", required=True),
            Column("n_found", "integer", "How many of them it found; 0: the layer passes.", required=True),
            Column("message", "text", "One sentence with numbers.", required=True),
            Column("record_ids", "text", "Ids of the first 20 records found, joined with |."),
            Column("values", "text", "Numbers of the finding as JSON, units in their names.", required=True),
            Column("where_x", "number", "Easting of the first finding in the twin's horizontal CRS."),
            Column("where_y", "number", "Northing of the first finding in the twin's horizontal CRS."),
        ),
    ),
)
