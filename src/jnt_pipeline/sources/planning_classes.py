"""The classes of the CNIG standards of planning and easements: which layer each is, and how its columns are called.

Source: CNIG, *standards de dématérialisation des documents d'urbanisme* (PLU, POS, CC, 2013 to 2024) and *des
servitudes d'utilité publique* (SUP 2016); files write column names in either case, cut to ten characters in a DBF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jnt_pipeline.base_layers.tables.planning import PLANNING
from jnt_pipeline.sources.mapping import Field, Mapping

__all__ = ["PlanningClass", "planning_class"]

_SHAPES = {"surf": "surface", "lin": "line", "pct": "point", "s": "surface", "l": "line", "p": "point"}
_NAME = re.compile(
    r"(?:(?P<before>.*?)_)??(?P<class>zone_urba|secteur_cc|doc_urba_com|doc_urba|(?:prescription|info)_(?:surf|lin|pct)"
    r"|(?:generateur|assiette)_sup_[slp]|servitude_acte_sup|acte_sup|servitude(?:_sup)?)(?:_[0-9a-z]+)*",
    flags=re.IGNORECASE,
)
_CATEGORY = re.compile(r"[A-Z]{1,3}\d{1,2}(?:BIS)?", flags=re.IGNORECASE)  # ac1, i4, pm1bis, el7, t5, …

_DOCUMENT = (
    Field(to="document_id", origins=("idurba",)),
    Field(to="insee_code", origins=("insee",)),
    Field(to="approved_on", origins=("datappro",), is_date=True),
    Field(to="validated_on", origins=("datvalid",), is_date=True),
    Field(to="document_file", origins=("nomfic",)),
    Field(to="document_url", origins=("urlfic",)),
)
_LABEL = Field(to="label", origins=("libelle",))
_SCHEMAS = {schema.name: schema for schema in PLANNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningClass:
    """One class of the standard, as one file or one layer of a file holds it."""

    mapping: Mapping
    needs: tuple[str, ...]
    """Columns, in lower case, by which the class is known; at least one has to be there."""
    derives_key: bool
    """Whether the standard gives no identifier, so that one is derived."""


def planning_class(name: str) -> PlanningClass | None:
    """The class that the name of a file or layer says; None where it is none that is read.

    Names come with commune or category before and a date behind: ``41175_ZONE_URBA_20140603``, ``AC1_ASSIETTE_SUP_S``.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    word = match["class"].lower()
    head, _, tail = word.rpartition("_")
    if head in {"prescription", "info"}:
        return _prescription(head, _SHAPES[tail])
    if head in {"generateur_sup", "assiette_sup"}:
        before = (match["before"] or "").rsplit("_", 1)[-1]
        return _easement_object(head, _SHAPES[tail], before.upper() if _CATEGORY.fullmatch(before) else None)
    return _CLASSES[word]


def _class(layer: str, *fields: Field, needs: tuple[str, ...], derives_key: bool = False) -> PlanningClass:
    mapping = Mapping(schema=_SCHEMAS[layer], fields=fields, drops=frozenset({"gml_id", "fid", "ogc_fid"}))
    return PlanningClass(mapping=mapping, needs=needs, derives_key=derives_key)


def _prescription(word: str, shape: str) -> PlanningClass:
    layer, singular, code = (
        ("planning_prescriptions", "prescription", "psc")
        if word == "prescription"
        else ("planning_information", "information", "inf")
    )
    return _class(
        f"{layer}_{shape}",
        Field(to=f"{singular}_type", origins=(f"type{code}",)),
        Field(to=f"{singular}_subtype", origins=(f"stype{code}", f"type{code}2")),
        _LABEL,
        Field(to="description", origins=("txt",)),
        *_DOCUMENT,
        needs=(f"type{code}",),
        derives_key=True,
    )


def _easement_object(word: str, shape: str, category: str | None) -> PlanningClass:
    layer, key, end = (
        ("easement_generators", "generator_id", "gen")
        if word == "generateur_sup"
        else ("easement_extents", "extent_id", "ass")
    )
    return _class(
        f"{layer}_{shape}",
        Field(to=key, origins=(f"id{end}",)),
        *((Field(to="generator_id", origins=("idgen",)),) if key == "extent_id" else ()),
        Field(to="easement_id", origins=("idsup",)),
        Field(to="category", origins=("suptype",), constant=category),
        Field(to="label", origins=(f"nom{end}",)),
        Field(to="object_type", origins=(f"type{end}",)),
        Field(to="source_dated_on", origins=(f"datesrc{end}", f"datesrc{end}"[:10]), is_date=True),
        needs=(f"id{end}",),
    )


_CLASSES = {
    "doc_urba": _class(
        "planning_documents",
        Field(to="document_id", origins=("idurba",)),
        Field(to="document_type", origins=("typedoc",)),
        Field(to="insee_code", origins=("insee",)),
        Field(to="state_code", origins=("etat",)),
        Field(to="approved_on", origins=("datappro",), is_date=True),
        Field(to="ended_on", origins=("datefin",), is_date=True),
        Field(to="regulation_url", origins=("urlreg",)),
        needs=("idurba",),
    ),
    "doc_urba_com": _class(
        "planning_document_communes",
        Field(to="document_id", origins=("idurba",)),
        Field(to="insee_code", origins=("insee",)),
        needs=("idurba",),
    ),
    "zone_urba": _class(
        "planning_zones",
        Field(to="zone_type", origins=("typezone",)),
        _LABEL,
        Field(to="description", origins=("libelong",)),
        Field(to="main_use_code", origins=("destdomi",)),
        *_DOCUMENT,
        needs=("typezone",),
        derives_key=True,
    ),
    "secteur_cc": _class(
        "planning_sectors",
        Field(to="sector_type", origins=("typesect",)),
        _LABEL,
        *_DOCUMENT,
        needs=("typesect",),
        derives_key=True,
    ),
    "acte_sup": _class(
        "easement_acts",
        Field(to="act_id", origins=("idacte",)),
        Field(to="act_name", origins=("nomacte",)),
        Field(to="act_type", origins=("typeacte",)),
        Field(to="document_file", origins=("fichier",)),
        Field(to="decided_on", origins=("datedecis",), is_date=True),
        Field(to="published_on", origins=("datepub",), is_date=True),
        needs=("idacte",),
    ),
    "servitude_acte_sup": _class(
        "easement_act_links",
        Field(to="easement_id", origins=("idsup",)),
        Field(to="act_id", origins=("idacte",)),
        needs=("idsup",),
    ),
    **dict.fromkeys(
        ("servitude", "servitude_sup"),
        _class(
            "easements",
            Field(to="easement_id", origins=("idsup",)),
            Field(to="category", origins=("suptype", "nomsup")),
            Field(to="easement_name", origins=("nomsuplitt",)),
            needs=("idsup",),
        ),
    ),
}
