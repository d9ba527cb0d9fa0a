"""Intake reports of EDIGÉO: a sheet in its archive or unpacked, a zip of sheets, a member alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import JsonValue

from jnt_pipeline.errors import JntError, MissingMembersError, UnreadableError, UnsupportedError
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.check_layers import Examined, extent, observed_layers, schema_findings, set_aside_findings
from jnt_pipeline.sources.edigeo.content import LABELS, Content, read_content
from jnt_pipeline.sources.edigeo.grammar import parse_member
from jnt_pipeline.sources.edigeo.layers import sheet_layers
from jnt_pipeline.sources.edigeo.lot import read_members
from jnt_pipeline.sources.edigeo.read import require_same_place, sheet_notes
from jnt_pipeline.sources.edigeo.sheets import Sheet, sheets_of
from jnt_pipeline.sources.intake import Finding, IntakeReport

__all__ = ["examine_edigeo", "examine_edigeo_member"]

_NOBODY = Provenance(producer="not stated", licence="not stated")  # a check writes no layer
_MOST_SHEETS = 20  # named in the facts


def examine_edigeo(path: Path, kind: str, vertical: str | None) -> Examined:
    """Report on an archive, a THF with its members, or a zip: objects by class, areas, every record at fault.

    Of a zip of several sheets, the sheets are listed and not unpacked.
    """
    del vertical
    try:
        sheets = sheets_of(path)
        if len(sheets) == 1:
            return _examine_sheet(path, kind, sheets[0])
    except JntError as error:
        return _refused(path, kind, error), None
    facts: dict[str, JsonValue] = {
        "n_sheets": len(sheets),
        "n_communes": len({sheet.insee_code for sheet in sheets}),
        "sheets": [sheet.sheet_id for sheet in sheets[:_MOST_SHEETS]],
    }
    listed = Finding(
        severity="info", code="sheets_listed", message=f"{len(sheets)} sheets, listed by their names and not unpacked"
    )
    return IntakeReport.judged(path, "edigeo", facts, [listed]), None


def examine_edigeo_member(path: Path, kind: str, vertical: str | None) -> Examined:
    """Report on a member that is not the THF: whole or damaged; what it says is read with the others."""
    del vertical
    try:
        descriptors = parse_member(path.read_bytes(), path.name)
    except JntError as error:
        return _refused(path, kind, error), None
    part = Finding(
        severity="info",
        code="part_of_sheet",
        message="a member of an EDIGÉO sheet, whole; it is read with the others",
        remedy="check the THF beside it",
    )
    counts = Counter(one.kind for one in descriptors)
    return IntakeReport.judged(path, kind, {"descriptors": dict(sorted(counts.items()))}, [part]), None


def _refused(path: Path, kind: str, error: JntError) -> IntakeReport:
    if isinstance(error, MissingMembersError):
        return IntakeReport.refused(path, kind, error, "missing_members")
    if isinstance(error, UnsupportedError):
        return IntakeReport.refused(path, kind, error, "not_read")
    return IntakeReport.refused(path, kind, error, "damaged" if isinstance(error, UnreadableError) else "contradiction")


def _examine_sheet(path: Path, kind: str, sheet: Sheet) -> Examined:
    members = read_members(sheet)
    content = read_content(members)
    facts: dict[str, JsonValue] = {
        "sheet_id": sheet.sheet_id,
        "insee_code": sheet.insee_code,
        "made_by": members.transmission.author,
        "reference": content.reference.code,
        "objects": _objects(content),
    }
    if sheet.insee_code is None:
        unknown = Finding(
            severity="warning",
            code="unknown_commune",
            message="nothing tells the commune of this sheet: inside, its code has no département",
            remedy="name the folder edigeo-{feuille}, 12 characters, or declare `insee_code` on the source",
        )
        return IntakeReport.judged(path, kind, facts, [unknown, *_notes(sheet_notes(members, content))]), None
    require_same_place(sheet, sheet.insee_code, content)
    layers = sheet_layers(content, sheet.insee_code, _NOBODY)
    facts["n_records"] = {layer.name: layer.counts.read for layer in layers}
    for layer in layers:
        if layer.name == "parcels":
            facts["extent"] = extent(layer.frame)
            facts["registered_area_m2"] = int(layer.frame["registered_area_m2"].sum())
            facts["drawn_area_m2"] = round(float(layer.frame.geometry.area.sum()), 1)
    faults = [finding for layer in layers for finding in set_aside_findings(layer.rejected)]
    # a boundary stone that the plan draws once for each parcel is a repetition, not a defect of the sheet
    named = [layer for layer in layers if not layer.name.startswith("cadastral_")]
    faults += [finding for layer in named for finding in schema_findings(layer)]
    report = IntakeReport.judged(path, kind, facts, [*faults, *_notes(sheet_notes(members, content))])
    return report, observed_layers(path, [layer for layer in layers if layer.name == "parcels"])


def _objects(content: Content) -> dict[str, JsonValue]:
    counts = Counter(feature.name for feature in (*content.features.values(), *content.repeated))
    return {name: n for name, n in sorted(counts.items()) if name != LABELS}


def _notes(notes: tuple[str, ...]) -> list[Finding]:
    return [Finding(severity="info", code="note", message=note) for note in notes]
