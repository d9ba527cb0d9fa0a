"""Files that are nearly of a class of the CNIG standards: a name with a slip, or a class without its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from jnt_pipeline.sources.intake import Finding
from jnt_pipeline.sources.planning_classes import planning_class

__all__ = ["doubt_of_class", "likely_class"]

_READ = (
    "DOC_URBA", "DOC_URBA_COM", "ZONE_URBA", "SECTEUR_CC",
    "PRESCRIPTION_SURF", "PRESCRIPTION_LIN", "PRESCRIPTION_PCT", "INFO_SURF", "INFO_LIN", "INFO_PCT",
    "GENERATEUR_SUP_S", "GENERATEUR_SUP_L", "GENERATEUR_SUP_P", "ASSIETTE_SUP_S", "ASSIETTE_SUP_L", "ASSIETTE_SUP_P",
    "ACTE_SUP", "SERVITUDE", "SERVITUDE_ACTE_SUP",
)  # fmt: skip
_NOT_READ = ("HABILLAGE_SURF", "HABILLAGE_LIN", "HABILLAGE_PCT", "HABILLAGE_TXT", "PERIMETRE_SCOT")
_BY_COLUMN = {
    "typezone": "ZONE_URBA",
    "typesect": "SECTEUR_CC",
    "typepsc": "PRESCRIPTION_SURF, _LIN or _PCT",
    "typeinf": "INFO_SURF, _LIN or _PCT",
    "idass": "ASSIETTE_SUP_S, _L or _P",
    "idgen": "GENERATEUR_SUP_S, _L or _P",
}
"""Columns, in lower case, that one class alone is known by; extents also name their generator, so they come first."""
_ALIKE = 0.8  # of 1, after difflib: ZONE_URBAIN is 0.9 like ZONE_URBA, HABITAT_SURF 0.7 like HABILLAGE_SURF
_AROUND = re.compile(r"^(?:N_)?(?:\d[0-9AB]\d{3}_|\d{3}_)?(?:[A-Z]{1,3}\d{1,2}(?:BIS)?_)?|(?:_\d+)+$")


def likely_class(name: str, columns: Sequence[str]) -> str | None:
    """The class that a file or layer of another name probably is; None where nothing tells, or the name is right.

    >>> likely_class("41175_ZONE_URBAIN_20140603", [])
    'ZONE_URBA'
    >>> likely_class("zonage", ["LIBELLE", "TYPEZONE"])
    'ZONE_URBA'
    """
    bare = _AROUND.sub("", name.upper().replace("-", "_").replace(" ", "_"))
    if planning_class(name) is not None or bare in _NOT_READ:
        return None
    known = {column.lower() for column in columns}
    by_column = next((found for column, found in _BY_COLUMN.items() if column in known), None)
    close = get_close_matches(bare, (*_READ, *_NOT_READ), n=1, cutoff=_ALIKE)
    return close[0] if close and close[0] in _READ else by_column


def doubt_of_class(path: Path, layer: str, columns: Sequence[str]) -> Finding | None:
    """A warning on a layer that is not read, where it is likely to be of a class that is; else None."""
    where = path.name if layer == path.stem else f"{path.name}: {layer}"
    named = planning_class(layer) or planning_class(path.stem)
    if named is not None:
        needs = " or ".join(one.upper() for one in named.needs)
        return Finding(
            severity="warning",
            code="missing_class_columns",
            message=f"{where} is not read: named as a class of the CNIG standard, and without its column {needs}; "
            f"found {', '.join(columns) or 'no column'}",
            remedy="ask for the file with the columns of the standard, or take it out of the folder",
        )
    likely = likely_class(layer, columns) or likely_class(path.stem, columns)
    if likely is None:
        return None
    return Finding(
        severity="warning",
        code="misnamed_class",
        message=f"{where} is not read: no class of the CNIG standard is called so; it is probably {likely}",
        remedy=f"rename it as the standard does: {likely}",
    )
