"""The layers of the cadastre (*plan cadastral informatisé*)."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import DATES, Column, LayerSchema, Shape

__all__ = ["CADASTRE"]

_DETAILS: tuple[tuple[str, Shape], ...] = (("surface", "polygon"), ("line", "line"), ("point", "point"))

CADASTRE: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="communes",
        title="Communes",
        key="insee_code",
        shape="polygon",
        is_shared=True,
        columns=(
            Column("insee_code", "text", "INSEE code, 5 characters (code INSEE).", required=True),
            Column("commune_name", "text", "Name of the commune."),
            *DATES,
        ),
    ),
    LayerSchema(
        name="sections",
        title="Cadastral sections",
        key="section_id",
        shape="polygon",
        is_shared=True,
        columns=(
            Column("section_id", "text", "10 characters: INSEE 5 + prefix 3 + section 2.", required=True),
            Column("insee_code", "text", "INSEE code of the commune.", required=True),
            *DATES,
        ),
    ),
    LayerSchema(
        name="parcels",
        title="Cadastral parcels",
        key="parcel_id",
        shape="polygon",
        columns=(
            Column("parcel_id", "text", "14-character IDU: INSEE 5 + prefix 3 + section 2 + number 4.", required=True),
            Column("insee_code", "text", "INSEE code of the commune.", required=True),
            Column("section_id", "text", "Section it belongs to, 10 characters."),
            Column("registered_area_m2", "integer", "Area in the tax register (contenance), m²; may be absent."),
            Column("area_m2", "number", "Area of the geometry in the twin's CRS, m²."),
            Column("is_surveyed", "boolean", "Whether the parcel was surveyed (arpentée); may be unknown."),
            *DATES,
        ),
    ),
    LayerSchema(
        name="footprints",
        title="Building footprints",
        key="footprint_id",
        shape="polygon",
        columns=(
            Column(
                "footprint_id",
                "text",
                "Stable id derived from commune and position (no id in the cadastre).",
                required=True,
            ),
            Column("insee_code", "text", "INSEE code of the commune.", required=True),
            Column("building_type", "text", "durable (bâti dur, 01) or light (bâti léger, 02)."),
            Column("building_name", "text", "Name in the source, if any."),
            Column("area_m2", "number", "Area of the footprint (emprise au sol), m²."),
            *DATES,
        ),
    ),
    LayerSchema(
        name="former_communes",
        title="Prefixes of sections (former communes)",
        key="prefix_id",
        shape="polygon",
        is_shared=True,
        columns=(
            Column("prefix_id", "text", "8 characters: INSEE 5 + prefix 3 (préfixe de section).", required=True),
            Column("insee_code", "text", "INSEE code of the commune.", required=True),
            Column("former_insee_code", "text", "INSEE code of the former commune, where it is known."),
            Column("former_commune_name", "text", "Name of the former commune."),
        ),
    ),
    LayerSchema(
        name="sheets",
        title="Cadastral sheets",
        key="sheet_id",
        shape="polygon",
        columns=(
            Column("sheet_id", "text", "12 characters: section 10 + number 2 (feuille).", required=True),
            Column("insee_code", "text", "INSEE code of the commune.", required=True),
            Column("section_id", "text", "Section it belongs to, 10 characters."),
            Column("plan_quality_code", "text", "Quality of the plan (qualité du plan, QUPL), 01 to 05."),
            Column("drawing_method_code", "text", "How the plan was made (mode de confection, COPL), 01 to 07."),
            Column("scale_denominator", "integer", "Denominator of the original scale (échelle), e.g. 1000."),
            *DATES,
        ),
    ),
    LayerSchema(
        name="localities",
        title="Named places",
        key="locality_id",
        shape="polygon",
        columns=(
            Column("locality_id", "text", "Derived from commune and position (lieu-dit: no id).", required=True),
            Column("insee_code", "text", "INSEE code of the commune.", required=True),
            Column("locality_name", "text", "Name of the place (lieu-dit)."),
            *DATES,
        ),
    ),
    LayerSchema(
        name="tax_subdivisions",
        title="Tax subdivisions of parcels",
        key="tax_subdivision_id",
        shape="polygon",
        columns=(
            Column(
                "tax_subdivision_id", "text", "Parcel and letter, joined with -: 14 characters, letter.", required=True
            ),
            Column("insee_code", "text", "INSEE code of the commune."),
            Column("parcel_id", "text", "Parcel it divides (subdivision fiscale), 14 characters.", required=True),
            Column("letter", "text", "Letter of the subdivision."),
            *DATES,
        ),
    ),
    *(
        LayerSchema(
            name=f"cadastral_{word}s",
            title=f"Other {word}s of the plan",
            key="detail_id",
            shape=shape,
            is_shared=True,
            columns=(
                Column("detail_id", "text", "Derived from class, commune and position.", required=True),
                Column("insee_code", "text", "INSEE code of the commune."),
                Column("detail_class", "text", "Class of the object (EDIGÉO): TSURF, TLINE, BORNE, NUMVOIE, …"),
                Column("symbol_code", "text", "Symbol or nature code (SYM), where there is one."),
                Column("label", "text", "Text of the object (TEX), where there is one."),
                Column("parcel_id", "text", "Parcel it hangs on, 14 characters, where the plan says so."),
                *DATES,
            ),
        )
        for word, shape in _DETAILS
    ),
)
