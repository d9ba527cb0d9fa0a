"""French names of the layers and rasters of a twin, and the groups in which people look for them."""

from __future__ import annotations

__all__ = ["group_of", "layer_name"]

_NAMES = {
    "addresses": "Adresses",
    "aliases": "Anciens identifiants",
    "bim_buildings": "Bâtiments BIM",
    "bim_elements": "Éléments BIM (IFC)",
    "bridge_decks": "Tabliers de ponts",
    "building_changes": "Écarts entre LiDAR et cadastre",
    "buildings": "Bâtiments",
    "cadastral_lines": "Autres lignes du plan cadastral",
    "cadastral_points": "Autres points du plan cadastral",
    "cadastral_relations": "Liens énoncés par le plan cadastral",
    "cadastral_surfaces": "Autres surfaces du plan cadastral",
    "changes": "Changements depuis l’édition précédente",
    "chm": "Hauteur de la végétation (MHC)",
    "communes": "Communes",
    "contour_lines": "Courbes de niveau",
    "datastreams": "Flux de mesure",
    "dhm": "Hauteurs (MNH)",
    "dsm": "Surface (MNS)",
    "dtm": "Terrain (MNT)",
    "dtm_confidence": "Confiance du terrain (95 %)",
    "dtm_origin": "Origine des valeurs du terrain",
    "easement_act_links": "Liens entre servitudes et actes",
    "easement_acts": "Actes de servitudes",
    "easements": "Servitudes d’utilité publique",
    "elevation_tiles": "Dalles d’altitude (raster)",
    "footprints": "Emprises au sol des bâtiments",
    "former_communes": "Préfixes de sections (anciennes communes)",
    "hillshade": "Relief ombré",
    "identities": "Identifiants équivalents des bâtiments",
    "lidar_trees": "Arbres vus par le LiDAR",
    "links": "Liens entre objets",
    "localities": "Lieux-dits",
    "observations": "Observations",
    "parcels": "Parcelles cadastrales",
    "planning_document_communes": "Communes des documents d’urbanisme",
    "planning_documents": "Documents d’urbanisme",
    "planning_sectors": "Secteurs de la carte communale",
    "planning_zones": "Zones du document d’urbanisme",
    "point_clouds": "Dalles LiDAR",
    "quality": "Contrôle qualité des couches",
    "repairs": "Géométries réparées",
    "rnb_buildings": "Bâtiments du RNB",
    "roof_faces": "Pans de toiture",
    "sections": "Sections cadastrales",
    "sheets": "Feuilles cadastrales",
    "slope": "Pente du terrain",
    "stations": "Stations de mesure",
    "tax_subdivisions": "Subdivisions fiscales",
    "topo_buildings": "Bâtiments de la BD TOPO",
    "trees": "Arbres",
    "water_bodies": "Plans d’eau et niveaux",
}

_FAMILIES = {
    "topo_": "BD TOPO",
    "pcrs_": "PCRS",
    "planning_prescriptions_": "Prescriptions d’urbanisme",
    "planning_information_": "Informations d’urbanisme",
    "easement_generators_": "Générateurs de servitudes",
    "easement_extents_": "Assiettes de servitudes",
}
"""Layers that are named by their family and what the producer calls them."""

_SHAPES = {"surface": "surfaces", "line": "lignes", "point": "points"}


def layer_name(name: str) -> str:
    """French name of a layer or raster; its own name where none is known.

    >>> layer_name("parcels"), layer_name("topo_troncon_de_route"), layer_name("my_trees")
    ('Parcelles cadastrales', 'BD TOPO : troncon de route', 'my_trees')
    """
    if name in _NAMES:
        return _NAMES[name]
    for prefix, family in _FAMILIES.items():
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            return f"{family} : {_SHAPES.get(rest, rest.replace('_', ' '))}"
    return name


_GROUPS: dict[str, tuple[str, ...]] = {
    "Terrain et relevés": (
        *("dtm", "dsm", "dhm", "chm", "dtm_confidence", "dtm_origin", "slope", "hillshade", "contour_lines"),
        *("water_bodies", "bridge_decks"),
        *("point_clouds", "elevation_tiles"),
    ),
    "Bâtiments et arbres": (
        *("buildings", "roof_faces", "building_changes", "bim_buildings", "bim_elements"),
        *("lidar_trees", "trees"),
    ),
    "Cadastre": (
        *("parcels", "footprints", "communes", "sections", "sheets", "localities", "former_communes"),
        *("tax_subdivisions", "cadastral_"),
    ),
    "BD TOPO et RNB": ("topo_buildings", "rnb_buildings", "topo_"),
    "Adresses": ("addresses",),
    "Capteurs": ("stations", "datastreams", "observations"),
    "Urbanisme": ("planning_documents", "planning_zones", "planning_", "easements", "easement_"),
    "Voirie (PCRS)": ("pcrs_",),
    "Liens, identités et contrôles": ("links", "identities", "aliases", "changes", "quality", "repairs"),
}
"""Layers of each group in their order; a name that ends with ``_`` stands for all that begin so."""

_OTHERS = "Autres couches"


def group_of(name: str) -> tuple[str, tuple[int, int, str]]:
    """Group of a layer or raster, and its place among all.

    >>> group_of("parcels")[0], group_of("topo_zone_d_habitation")[0], group_of("my_trees")[0]
    ('Cadastre', 'BD TOPO et RNB', 'Autres couches')
    """
    for place, (group, members) in enumerate(_GROUPS.items()):
        for rank, member in enumerate(members):
            if name == member or (member.endswith("_") and name.startswith(member)):
                return group, (place, rank, name)
    return _OTHERS, (len(_GROUPS), 0, name)
