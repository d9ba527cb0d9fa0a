"""Columns that roofs give: to the layer ``buildings``, and those of ``roof_faces``."""

from __future__ import annotations

from jnt_pipeline.base_layers.schema import Column

__all__ = ["FACE_COLUMNS", "ROOF_COLUMNS"]

ROOF_COLUMNS: tuple[Column, ...] = (
    Column("roof_type", "text", "Roof type: flat, shed, gabled, hipped or complex; empty below LoD2.2."),
    Column("roof_lod", "text", "Level of detail of the solid on roof_faces: 2.2, 1.3, 1.2; 0 without.", required=True),
    Column("roof_reason", "text", "Why it is not 2.2 (a key of ROOF_REASONS, or of REASONS without solid)."),
    Column("n_roof_faces", "integer", "Faces of the roof (pans de toiture)."),
    Column("eave_elevation_m", "number", "Lowest corner of the roof faces (égout), m above datum."),
    Column("ridge_elevation_m", "number", "Highest corner of the roof faces (faîte), m above datum."),
    Column("roof_p70_elevation_m", "number", "70th percentile of the roof points, m above datum."),
    Column("roof_p90_elevation_m", "number", "90th percentile of the roof points, m above datum."),
    Column("roof_density_m2", "number", "Roof points per square metre of the footprint."),
    Column("roof_explained_share", "number", "Share of the roof points that their face explains, 0 to 1."),
    Column("roof_rmse_m", "number", "RMSE of the explained points across their faces, m."),
    Column("roof_volume_m3", "number", "Volume of the solid on the roof faces, m³."),
)  # fmt: skip
"""Columns that roofs add to the layer ``buildings``."""

FACE_COLUMNS: tuple[Column, ...] = (
    Column("roof_face_id", "text", "<building_id>/<number>, from 1.", required=True),
    Column("building_id", "text", "Building it belongs to.", required=True),
    Column("part_number", "integer", "Part of the footprint that it covers, from 1: one solid each.", required=True),
    Column("azimuth_deg", "number", "Where it looks, downhill, degrees from grid north clockwise; absent if level."),
    Column("slope_deg", "number", "Slope (pente) against the horizontal, degrees.", required=True),
    Column("area_m2", "number", "Area of the sloping face, m².", required=True),
    Column("rise_east", "number", "Rise of its plane per metre eastwards.", required=True),
    Column("rise_north", "number", "Rise of its plane per metre northwards.", required=True),
    Column("plane_elevation_m", "number", "Elevation of its plane at the origin, m above datum.", required=True),
    Column("origin_easting_m", "number", "Easting of the plane's origin, m.", required=True),
    Column("origin_northing_m", "number", "Northing of the plane's origin, m.", required=True),
    Column("n_points", "integer", "Roof points that it explains.", required=True),
    Column("rmse_m", "number", "RMSE of these points across its plane, m; absent without points."),
)  # fmt: skip
"""Columns of the layer ``roof_faces``; the geometry, the plan of the face, comes after them."""
