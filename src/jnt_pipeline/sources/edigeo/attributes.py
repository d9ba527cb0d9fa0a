"""From an object of a sheet to the columns of its layer: identifiers, codes, areas, texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jnt_pipeline.sources.edigeo.content import Content, Feature

__all__ = ["CLASSES", "Commune", "FaultyRecordError", "label_of", "row_of"]

_BUILDING_TYPES = {"01": "durable", "02": "light"}  # bâti dur, bâti léger
_TEXTS = ("TEX", *(f"TEX{n}" for n in range(2, 11)))
# IDU inside a sheet: commune 3, prefix 3, section 2, then the number of the sheet or of the parcel.
_IDU = {"SECTION": r"(\d{3})(\d{3}[0-9A-Z]{2})", "SUBDSECT": r"(\d{3})(\d{3}[0-9A-Z]{2}\d{2})"}
_IDU["PARCELLE"] = r"(\d{3})(\d{3}[0-9A-Z]{2}\d{4})"
_COLUMNS = {"SECTION": "section_id", "SUBDSECT": "sheet_id", "PARCELLE": "parcel_id"}

CLASSES = {
    "COMMUNE": "communes",
    "SECTION": "sections",
    "SUBDSECT": "sheets",
    "PARCELLE": "parcels",
    "BATIMENT": "footprints",
    "LIEUDIT": "localities",
    "SUBDFISC": "tax_subdivisions",
}
"""Class → layer; every other class goes to ``cadastral_surfaces``, ``_lines`` or ``_points`` by its kind in the SCD."""


class FaultyRecordError(Exception):
    """An object whose attributes cannot be read; never leaves this package."""

    def __init__(self, reason: str, detail: str):
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class Commune:
    """The commune that a sheet belongs to."""

    insee_code: str

    @property
    def idu(self) -> str:
        """Its three characters inside a sheet: the département is left out, overseas its third digit is not."""
        return self.insee_code[2:]


def row_of(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    """Columns of the layer of a feature, derived ids and parcels left out; raises ``FaultyRecordError``."""
    row = _ROWS.get(feature.name, _detail)(feature, content, commune)
    dates = {"created_on": feature.created_on, "updated_on": feature.updated_on}
    return {"insee_code": commune.insee_code, **row, **dates}


def label_of(feature: Feature) -> str | None:
    """TEX to TEX10 joined by spaces, as Etalab joins them; blanks are single. None without any."""
    words = [word for name in _TEXTS for word in feature.attributes.get(name, "").split()]
    return " ".join(words) or None


def _identified(feature: Feature, commune: Commune) -> dict[str, Any]:
    idu = feature.attributes.get("IDU")
    if idu is None:
        return {_COLUMNS[feature.name]: None}
    column = _COLUMNS[feature.name]
    match = re.fullmatch(_IDU[feature.name], idu)
    if match is None:
        raise FaultyRecordError(f"bad_{column}", f"IDU {idu!r} is not of the form {_IDU[feature.name]}")
    if match[1] != commune.idu:
        raise FaultyRecordError("other_commune", f"IDU {idu} is of commune {match[1]}, the sheet of {commune.idu}")
    key = commune.insee_code + match[2]
    return {column: key} if feature.name == "SECTION" else {column: key, "section_id": key[:10]}


def _commune(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    del content
    idu = feature.attributes.get("IDU")
    if idu is not None and idu != commune.idu:
        raise FaultyRecordError("other_commune", f"IDU {idu} is another commune than {commune.idu} of the sheet")
    return {"commune_name": feature.attributes.get("TEX2")}


def _section(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    del content
    return _identified(feature, commune)


def _sheet(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    scale = feature.attributes.get("EOR")
    if scale is not None and not scale.isdecimal():
        content.notes[f"scale (EOR) {scale!r} is no number, left empty"] += 1
        scale = None
    return {
        **_identified(feature, commune),
        "plan_quality_code": feature.attributes.get("QUPL"),
        "drawing_method_code": feature.attributes.get("COPL"),
        "scale_denominator": None if scale is None else int(scale),
    }


def _parcel(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    attributes = feature.attributes
    area, surveyed = attributes.get("SUPF"), attributes.get("COAR")
    if area is not None and not re.fullmatch(r"\+?\d+([.,]0*)?", area):
        raise FaultyRecordError("bad_registered_area", f"SUPF {area!r} is not a number of square metres")
    if surveyed not in {None, "A"}:
        raise FaultyRecordError("bad_survey_flag", f"COAR {surveyed!r} is neither A (arpentée) nor empty")
    if attributes.get("INDP") == "02":
        content.notes["parcels that are not drawn on the plan (INDP 02)"] += 1
    return {
        **_identified(feature, commune),
        "registered_area_m2": None if area is None else int(re.split("[.,]", area)[0]),
        "is_surveyed": surveyed == "A",
    }


def _footprint(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    del commune
    code = feature.attributes.get("DUR")
    if code is not None and code not in _BUILDING_TYPES:
        content.notes[f"building type (DUR) {code!r} is unknown, left empty"] += 1
    return {"building_type": _BUILDING_TYPES.get(code or ""), "building_name": label_of(feature)}


def _locality(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    del content, commune
    return {"locality_name": label_of(feature)}


def _tax_subdivision(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    del content, commune
    return {"letter": feature.attributes.get("TEX")}


def _detail(feature: Feature, content: Content, commune: Commune) -> dict[str, Any]:
    del content, commune
    # A point of the survey network (point de canevas) has its number for a text.
    label = label_of(feature) or (feature.attributes.get("IDU") if feature.name == "PTCANV" else None)
    return {"detail_class": feature.name, "symbol_code": feature.attributes.get("SYM"), "label": label}


_ROWS: dict[str, Callable[[Feature, Content, Commune], dict[str, Any]]] = {
    "COMMUNE": _commune,
    "SECTION": _section,
    "SUBDSECT": _sheet,
    "PARCELLE": _parcel,
    "BATIMENT": _footprint,
    "LIEUDIT": _locality,
    "SUBDFISC": _tax_subdivision,
}
