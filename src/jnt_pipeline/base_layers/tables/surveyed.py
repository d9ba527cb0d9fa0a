"""The layers that are not maps of records: point clouds, elevation rasters, BIM models, sensor networks."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema

__all__ = ["SURVEYED"]

SURVEYED: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="point_clouds",
        title="LiDAR tiles",
        key="tile_id",
        shape="polygon",
        columns=(
            Column("tile_id", "text", "km of the north-west corner, xxxx_yyyy; else the file's stem.", required=True),
            Column("file_name", "text", "File name as delivered.", required=True),
            Column("sha256", "text", "SHA-256 of the file whose points the twin uses.", required=True),
            Column("n_points", "integer", "Number of points.", required=True),
            Column("density_m2", "number", "Points per square metre of the box, virtual points (66) left out."),
            Column("class_codes", "integers", "ASPRS / IGN class codes present."),
            Column("class_counts", "integers", "Number of points of each of them."),
            Column("min_elevation_m", "number", "Lowest point, metres above the vertical datum."),
            Column("max_elevation_m", "number", "Highest point, metres above the vertical datum."),
            Column("acquired_on", "text", "First and last day of flight where GPS time tells, YYYY-MM-DD/YYYY-MM-DD."),
        ),
    ),
    LayerSchema(
        name="elevation_tiles",
        title="Elevation rasters",
        key="tile_id",
        shape="polygon",
        columns=(
            Column(
                "tile_id",
                "text",
                "Product, surface and km of the north-west corner; else surface, stem.",
                required=True,
            ),
            Column("file_name", "text", "File name as delivered.", required=True),
            Column("sha256", "text", "SHA-256 of the file.", required=True),
            Column("product", "text", "Product of IGN that the name states: RGE ALTI, LiDAR HD."),
            Column("surface", "text", "dtm (MNT), dsm (MNS) or dhm (MNH, height above ground).", required=True),
            Column("resolution_m", "number", "Width of a pixel, metres; absent where the CRS counts in degrees."),
            Column("n_pixels", "integer", "Number of pixels.", required=True),
            Column("n_void_pixels", "integer", "Pixels without a value.", required=True),
            Column("min_elevation_m", "number", "Lowest value of terrain or surface, metres above the vertical datum."),
            Column(
                "max_elevation_m", "number", "Highest value of terrain or surface, metres above the vertical datum."
            ),
            Column("min_height_m", "number", "Lowest height above the ground (MNH), metres."),
            Column("max_height_m", "number", "Highest height above the ground (MNH), metres."),
            Column(
                "stored_reference", "text", "Reference of the pixels in the file, e.g. EPSG:2154+5720.", required=True
            ),
            Column("void_value", "number", "Declared mark of pixels without a value, beside those the file declares."),
        ),
    ),
    LayerSchema(
        name="bim_elements",
        title="BIM elements",
        key="element_id",
        shape="polygon",
        columns=(
            Column("element_id", "text", "<model_id>/<global_id>: unique in the twin.", required=True),
            Column("global_id", "text", "IFC GlobalId, 22 characters, unchanged.", required=True),
            Column("model_id", "text", "Stem of the IFC file.", required=True),
            Column("ifc_class", "text", "IFC class, e.g. IfcWall.", required=True),
            Column("element_name", "text", "IFC Name."),
            Column("storey_name", "text", "Name of the IfcBuildingStorey that contains it."),
            Column("building_global_id", "text", "GlobalId of the IfcBuilding that contains it."),
            Column("base_elevation_m", "number", "Lowest vertex, metres above the vertical datum."),
            Column("top_elevation_m", "number", "Highest vertex, metres above the vertical datum."),
        ),
    ),
    LayerSchema(
        name="bim_buildings",
        title="BIM buildings",
        key="bim_building_id",
        shape="polygon",
        columns=(
            Column("bim_building_id", "text", "<model_id>/<global_id> of the IfcBuilding.", required=True),
            Column("global_id", "text", "GlobalId of the IfcBuilding.", required=True),
            Column("model_id", "text", "Stem of the IFC file.", required=True),
            Column("bim_building_name", "text", "IFC Name of the building."),
            Column("ifc_schema", "text", "Schema of the file, e.g. IFC4.", required=True),
            Column("n_elements", "integer", "Elements with geometry in it."),
            Column("base_elevation_m", "number", "Lowest vertex, metres above the vertical datum."),
            Column("top_elevation_m", "number", "Highest vertex, metres above the vertical datum."),
        ),
    ),
    LayerSchema(
        name="stations",
        title="Sensor stations",
        key="station_id",
        shape="point",
        columns=(
            Column("station_id", "text", "Id given by the producer.", required=True),
            Column("station_name", "text", "Name."),
            Column("station_type", "text", "What it is, in the producer's words."),
            Column("elevation_m", "number", "Elevation of the sensor above the vertical datum, m; may be unknown."),
        ),
    ),
    LayerSchema(
        name="datastreams",
        title="Datastreams",
        key="datastream_id",
        shape="none",
        columns=(
            Column("datastream_id", "text", "Id of the flow of measures (flux de mesure).", required=True),
            Column("station_id", "text", "Station that produces it.", required=True),
            Column("observed_property", "text", "Quantity: water_level, rainfall, pm10, sound_level, …", required=True),
            Column("unit", "text", "Unit of the result (UCUM where known).", required=True),
            Column("datastream_name", "text", "Name."),
        ),
    ),
    LayerSchema(
        name="observations",
        title="Observations",
        key="",
        shape="none",
        columns=(
            Column("datastream_id", "text", "Datastream it belongs to.", required=True),
            Column("phenomenon_at", "instant", "When it was true, UTC.", required=True),
            Column("result", "number", "Measured value in the unit of the datastream.", required=True),
        ),
    ),
)
