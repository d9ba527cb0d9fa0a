"""The layers of BD TOPO version 3 (IGN); source of names and shapes: IGN, BD TOPO v3, descriptif de contenu."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import DATES, Column, LayerSchema, Shape

__all__ = ["BDTOPO"]

_SHAPES: tuple[tuple[Shape, str], ...] = (
    (
        "polygon",
        "aerodrome arrondissement arrondissement_municipal bassin_versant_topographique canton cimetiere "
        "collectivite_territoriale commune commune_associee_ou_deleguee condominium construction_surfacique "
        "departement epci equipement_de_transport estran foret_publique parc_ou_reserve piste_d_aerodrome plan_d_eau "
        "poste_de_transformation region reservoir surface_hydrographique terrain_de_sport zone_d_activite_ou_d_interet "
        "zone_d_habitation zone_de_vegetation",
    ),
    (
        "line",
        "canalisation construction_lineaire cours_d_eau haie itineraire_autre ligne_electrique ligne_orographique "
        "limite_terre_mer route_numerotee_ou_nommee section_de_points_de_repere transport_par_cable troncon_de_route "
        "troncon_de_voie_ferree troncon_hydrographique voie_ferree_nommee",
    ),
    (
        "point",
        "construction_ponctuelle detail_hydrographique erp lieu_dit_non_habite non_communication noeud_hydrographique "
        "point_d_acces point_de_repere point_du_reseau pylone",
    ),
    # adresse, voie_nommee, detail_orographique and the toponymies changed their shape from one edition to the next
    (
        "any",
        "adresse adresse_ban detail_orographique toponymie_bati toponymie_hydrographie toponymie_lieux_nommes "
        "toponymie_services_et_activites toponymie_transport toponymie_zones_reglementees voie_nommee",
    ),
)

BDTOPO: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="topo_buildings",
        title="Buildings of BD TOPO",
        key="topo_building_id",
        shape="polygon",
        keeps_other_columns=True,
        is_shared=True,
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
            *DATES,
        ),
    ),
    *(
        LayerSchema(
            name=f"topo_{name}",
            title=f"BD TOPO: {name.replace('_', ' ')}",
            key="topo_id",
            shape=shape,
            keeps_other_columns=True,
            is_shared=True,  # what crosses the border of a département is in the files of both
            columns=(
                Column("topo_id", "text", "IGN identifier (cleabs), 24 characters.", required=True),
                Column("nature", "text", "Nature of the object, in IGN's words."),
                Column("topo_name", "text", "Name (toponyme, nom officiel), where the object has one."),
                Column("state", "text", "State of the object (état de l'objet): En service, En projet, …"),
                *DATES,
            ),
        )
        for shape, names in _SHAPES
        for name in names.split()
    ),
)
