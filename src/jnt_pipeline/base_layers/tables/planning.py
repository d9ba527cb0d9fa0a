"""The layers of urban planning and easements (*PLU*, *servitudes d'utilité publique*), after the CNIG standards."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema, Shape

__all__ = ["PLANNING"]

_SHAPES: tuple[tuple[str, Shape], ...] = (("surface", "polygon"), ("line", "line"), ("point", "point"))

_DERIVED = "Derived from class, codes, label and position (no id in the standard)."
_DOCUMENT = (
    Column("document_id", "text", "Planning document (IDURBA), where the record states it."),
    Column("insee_code", "text", "INSEE code of the commune, where the record states it."),
    Column("approved_on", "text", "Date of approval (DATAPPRO), YYYY-MM-DD."),
    Column("validated_on", "text", "Date of validation (DATVALID), YYYY-MM-DD."),
    Column("document_file", "text", "File of the regulation (NOMFIC)."),
    Column("document_url", "text", "Address of the regulation (URLFIC)."),
)
_AREA = Column("area_m2", "number", "Area, m².")

PLANNING: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="planning_documents",
        title="Planning documents",
        key="document_id",
        shape="none",
        keeps_other_columns=True,
        columns=(
            Column("document_id", "text", "Identifier of the document (IDURBA).", required=True),
            Column("document_type", "text", "PLU, PLUi, POS, CC, … (TYPEDOC)."),
            Column("insee_code", "text", "INSEE code of the commune, where the record states it."),
            Column("state_code", "text", "State of the procedure (ETAT), 01 to 08."),
            Column("approved_on", "text", "Date of approval (DATAPPRO), YYYY-MM-DD."),
            Column("ended_on", "text", "Date at which it ceased to hold (DATEFIN), YYYY-MM-DD."),
            Column("regulation_url", "text", "Address of the regulation (URLREG)."),
        ),
    ),
    LayerSchema(
        name="planning_document_communes",
        title="Communes of planning documents",
        key="",
        shape="none",
        keeps_other_columns=True,
        columns=(
            Column("document_id", "text", "Identifier of the document (IDURBA).", required=True),
            Column("insee_code", "text", "INSEE code of a commune that it covers.", required=True),
        ),
    ),
    LayerSchema(
        name="planning_zones",
        title="Zones of planning documents",
        key="zone_id",
        shape="polygon",
        keeps_other_columns=True,
        columns=(
            Column("zone_id", "text", _DERIVED, required=True),
            Column("zone_type", "text", "U, AUc, AUs, A, N, Nh, … (TYPEZONE)."),
            Column("label", "text", "Short name of the zone (LIBELLE)."),
            Column("description", "text", "Long name of the zone (LIBELONG)."),
            Column("main_use_code", "text", "Main use (DESTDOMI), 00 to 99."),
            *_DOCUMENT,
            _AREA,
        ),
    ),
    LayerSchema(
        name="planning_sectors",
        title="Sectors of communal maps",
        key="sector_id",
        shape="polygon",
        keeps_other_columns=True,
        columns=(
            Column("sector_id", "text", _DERIVED, required=True),
            Column("sector_type", "text", "Type of sector of a carte communale (TYPESECT), 01 to 99."),
            Column("label", "text", "Name of the sector (LIBELLE)."),
            *_DOCUMENT,
            _AREA,
        ),
    ),
    *(
        LayerSchema(
            name=f"planning_{plural}_{word}",
            title=f"{plural.capitalize()} of planning documents ({word})",
            key=f"{singular}_id",
            shape=shape,
            keeps_other_columns=True,
            columns=(
                Column(f"{singular}_id", "text", _DERIVED, required=True),
                Column(f"{singular}_type", "text", f"Type ({french}), 01 to 99."),
                Column(f"{singular}_subtype", "text", f"Subtype ({french}2, S{french})."),
                Column("label", "text", "Name (LIBELLE)."),
                Column("description", "text", "Label on the plan (TXT)."),
                *_DOCUMENT,
                *((_AREA,) if shape == "polygon" else ()),
            ),
        )
        for plural, singular, french in (
            ("prescriptions", "prescription", "TYPEPSC"),
            ("information", "information", "TYPEINF"),
        )
        for word, shape in _SHAPES
    ),
    LayerSchema(
        name="easements",
        title="Easements",
        key="easement_id",
        shape="none",
        keeps_other_columns=True,
        columns=(
            Column("easement_id", "text", "Identifier of the easement (servitude, idSup).", required=True),
            Column("category", "text", "Category of easement (suptype, nomSup): AC1, I4, PM1, …"),
            Column("easement_name", "text", "Name in full (nomSupLitt)."),
        ),
    ),
    LayerSchema(
        name="easement_acts",
        title="Acts that establish easements",
        key="act_id",
        shape="none",
        keeps_other_columns=True,
        columns=(
            Column("act_id", "text", "Identifier of the act (idActe).", required=True),
            Column("act_name", "text", "Name of the act (nomActe)."),
            Column("act_type", "text", "Type of act (typeActe)."),
            Column("document_file", "text", "File of the act (fichier)."),
            Column("decided_on", "text", "Date of the decision (dateDecis), YYYY-MM-DD."),
            Column("published_on", "text", "Date of publication (datePub), YYYY-MM-DD."),
        ),
    ),
    LayerSchema(
        name="easement_act_links",
        title="Which act establishes which easement",
        key="",
        shape="none",
        keeps_other_columns=True,
        columns=(
            Column("easement_id", "text", "Identifier of the easement (idSup).", required=True),
            Column("act_id", "text", "Identifier of the act (idActe).", required=True),
        ),
    ),
    *(
        LayerSchema(
            name=f"easement_{plural}_{word}",
            title=f"{title} ({word})",
            key=key,
            shape=shape,
            keeps_other_columns=True,
            columns=(
                Column(key, "text", f"Identifier ({french}).", required=True),
                *others,
                Column("category", "text", "Category of easement (suptype, or prefix of the file): AC1, I4, PM1, …"),
                Column("label", "text", "Name of the object."),
                Column("object_type", "text", "Type of object, in the producer's words."),
                Column("source_dated_on", "text", "Date of the geometric source, YYYY-MM-DD."),
                *((_AREA,) if shape == "polygon" else ()),
            ),
        )
        for plural, title, key, french, others in (
            (
                "generators",
                "What generates easements",
                "generator_id",
                "idGen",
                (Column("easement_id", "text", "Easement that it generates (idSup)."),),
            ),
            (
                "extents",
                "Where easements hold",
                "extent_id",
                "idAss",
                (
                    Column("generator_id", "text", "What generates it (idGen)."),
                    Column("easement_id", "text", "Easement (idSup), where the record states it."),
                ),
            ),
        )
        for word, shape in _SHAPES
    ),
)
