"""The columns of BD TOPO 3, as its deliveries of 2019 to 2026 name them (*dictionnaire des attributs*).

Source: names met in deliveries as shapefile (ten characters, IGN's own short names) and as GeoPackage or WFS (whole
words); a shapefile made from a GeoPackage by other tools has the words cut after ten characters. Where that makes one
name of several, as ``altitude_m`` of three elevations, the column is not taken.
"""

from __future__ import annotations

from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.sources.mapping import Field, Mapping

__all__ = ["MAPPINGS", "ambiguous_names", "layer_of"]

_NO_ELEVATION = (-1000.0, -9999.0)  # what IGN writes where no height is known

_DATES = (
    Field(to="created_on", origins=("date_creation", "date_creat"), is_date=True),
    Field(to="updated_on", origins=("date_modification", "date_maj", "date_modif"), is_date=True),
)
_STATE = Field(to="state", origins=("etat_de_l_objet", "etat", "etat_de_l_"))

_BUILDINGS = Mapping(
    schema=SCHEMAS["topo_buildings"],
    fields=(
        Field(to="topo_building_id", origins=("cleabs", "id")),
        Field(to="rnb_ids", origins=("identifiants_rnb", "ids_rnb", "id_rnb"), separators="[/|,; ]"),
        Field(to="nature", origins=("nature",)),
        Field(to="main_use", origins=("usage_1", "usage1")),
        Field(to="is_light", origins=("construction_legere", "leger", "constructi")),
        _STATE,
        Field(to="height_m", origins=("hauteur",), nothing=_NO_ELEVATION),
        Field(to="min_ground_elevation_m", origins=("altitude_minimale_sol", "z_min_sol"), nothing=_NO_ELEVATION),
        Field(to="min_roof_elevation_m", origins=("altitude_minimale_toit", "z_min_toit"), nothing=_NO_ELEVATION),
        Field(to="max_roof_elevation_m", origins=("altitude_maximale_toit", "z_max_toit"), nothing=_NO_ELEVATION),
        *_DATES,
    ),
)
# elsewhere `nom` is a column that users joined, of the commune most often
_NAMED = frozenset(f"topo_{name}" for name in ("commune", "canton", "departement", "epci", "region", "arrondissement"))
_CUT = ("altitude_m", "altitude_1", "altitude_2", "altitude_3", "identifian", "identifi_1")


def _common(name: str) -> Mapping:
    return Mapping(
        schema=SCHEMAS[name],
        fields=(
            Field(to="topo_id", origins=("cleabs", "id")),
            Field(to="nature", origins=("nature", "nature_de_l_objet")),
            Field(
                to="topo_name",
                origins=(
                    *("toponyme", "nom_officiel", "nom_c_eau", "nom_p_eau", "graphie_du_toponyme", "graphie"),
                    *(("nom",) if name in _NAMED else ()),
                ),
            ),
            _STATE,
            *_DATES,
        ),
    )


MAPPINGS: dict[str, Mapping] = {
    "topo_buildings": _BUILDINGS,
    **{name: _common(name) for name in SCHEMAS if name.startswith("topo_") and name != "topo_buildings"},
}
"""Layer of the twin → how its columns are made."""


def layer_of(class_name: str) -> str | None:
    """The layer of the twin for a class of BD TOPO, as a file or a layer of a GeoPackage is named; None without one.

    >>> layer_of("BATIMENT"), layer_of("troncon_de_route"), layer_of("LIEN_ADRESSE_VERS_BDTOPO")
    ('topo_buildings', 'topo_troncon_de_route', None)
    """
    name = class_name.lower().removeprefix("bdtopo_v3:").removeprefix("bdtopo_v3_")
    layer = "topo_buildings" if name == "batiment" else f"topo_{name}"
    return layer if layer in MAPPINGS else None


def ambiguous_names(layer: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of a file whose cut name stands for one of several attributes that the layer would need."""
    return tuple(name for name in names if layer == "topo_buildings" and name.lower() in _CUT)
