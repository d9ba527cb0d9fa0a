"""The layers of the street base map (*plan de corps de rue simplifié*, PCRS), one for each class of the standard."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema, Shape

__all__ = ["OTHER_CLASSES", "PCRS_CLASSES", "STREET_MAP"]

PCRS_CLASSES: dict[str, tuple[str, str, Shape]] = {
    "LimiteVoiriePCRS": ("pcrs_road_limits", "Limits of roads", "any"),
    "MarcheEscalierPCRS": ("pcrs_steps", "Steps of stairs", "any"),
    "FacadePCRS": ("pcrs_facades", "Facades", "any"),
    "ProeminenceBatiPCRS": ("pcrs_building_projections", "Projections of buildings", "any"),
    "SeuilPCRS": ("pcrs_thresholds", "Thresholds", "any"),
    "MurPCRS": ("pcrs_walls", "Walls", "any"),
    "PilierRegulierPCRS": ("pcrs_regular_pillars", "Round and square pillars", "any"),
    "PilierParticulierPCRS": ("pcrs_polygonal_pillars", "Polygonal pillars", "any"),
    "QuaiRailPCRS": ("pcrs_platforms", "Railway platforms", "any"),
    "RailPCRS": ("pcrs_rails", "Rails", "any"),
    "ArbrePCRS": ("pcrs_trees", "Trees", "any"),
    "PilePontPCRS": ("pcrs_bridge_piers", "Piers of bridges", "any"),
    "QuaiFluvioMaritimePCRS": ("pcrs_quays", "River and sea quays", "any"),
    "AffleurantPCRS": ("pcrs_fittings", "Surface fittings of networks", "none"),
    "AffleurantEnveloppePCRS": ("pcrs_fitting_outlines", "Outlines of surface fittings", "any"),
    "AffleurantLignesPCRS": ("pcrs_fitting_lines", "Lines of surface fittings", "any"),
    "AffleurantPointPCRS": ("pcrs_fitting_points", "Points of surface fittings", "any"),
    "AffleurantSymbolePCRS": ("pcrs_fitting_symbols", "Symbols of surface fittings", "any"),
    "PointLevePCRS": ("pcrs_surveyed_points", "Surveyed points", "any"),
    "PointCanevasPCRS": ("pcrs_control_points", "Control points", "any"),
    "HabillageLignesPCRS": ("pcrs_drawing_lines", "Lines of the drawing", "any"),
    "HabillagePointsPCRS": ("pcrs_drawing_points", "Points of the drawing", "any"),
    "HabillageEnveloppePCRS": ("pcrs_drawing_outlines", "Outlines of the drawing", "any"),
    "HabillageSymbolePCRS": ("pcrs_drawing_symbols", "Symbols of the drawing", "any"),
    "HabillageTextePCRS": ("pcrs_drawing_texts", "Texts of the drawing", "any"),
    "NomVoiriePCRS": ("pcrs_street_names", "Names of streets", "any"),
    "NumeroVoiriePCRS": ("pcrs_house_numbers", "House numbers", "any"),
    "EmpriseEchangePCRS": ("pcrs_delivery_extents", "Extents of deliveries", "any"),
    "EmpriseDisponibilitePCRS": ("pcrs_coverage_extents", "Extents of coverage", "any"),
}
"""Class of the standard (CNIG, PCRS 2.0) → layer, title, kind of geometry."""

OTHER_CLASSES = "pcrs_others"
"""The layer of the classes that the table does not name."""

_COLUMNS = (
    Column(
        "pcrs_id", "text", "Identifier of the object (idObjet, idHabillage, idEmprise), else its gml:id.", required=True
    ),
    Column("object_class", "text", "Class of the standard, e.g. FacadePCRS."),
    Column("theme_code", "text", "Theme (thématique): 01 topography, 02 buildings, 03 roads, …, 10 networks."),
    Column("plan_precision_class", "text", "Class of precision in the plane, centimetres: 005, 010, …"),
    Column("height_precision_class", "text", "Class of precision of heights, centimetres: 005, 010, …"),
    Column("classification_quality_code", "text", "How sure the class of the object is (qualiteCategorisation)."),
    Column("surveyed_on", "text", "Date of the survey (dateLeve), YYYY-MM-DD."),
    Column("surveyor", "text", "Who surveyed it (producteur)."),
)
_HEIGHTS = (
    Column("min_elevation_m", "number", "Lowest vertex, metres above the vertical datum; absent where it is unknown."),
    Column("max_elevation_m", "number", "Highest vertex, metres above the vertical datum; absent where it is unknown."),
)
_FITTING = Column("fitting_id", "text", "Surface fitting (affleurant) that it draws, pcrs_id of that one.")


def _schema(name: str, title: str, shape: Shape) -> LayerSchema:
    parent = (_FITTING,) if name.startswith("pcrs_fitting_") else ()
    heights = _HEIGHTS if shape != "none" else ()
    return LayerSchema(
        name=name,
        title=f"{title} (PCRS)",
        key="pcrs_id",
        shape=shape,
        keeps_other_columns=True,
        columns=(*_COLUMNS, *parent, *heights),
    )


STREET_MAP: tuple[LayerSchema, ...] = (
    *(_schema(*row) for row in PCRS_CLASSES.values()),
    _schema(OTHER_CLASSES, "Objects of other classes", "any"),
)
