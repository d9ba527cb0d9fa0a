"""Intake report of an IFC file (*carte d'identité*): schema, units, content, and what its place is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import JsonValue

from jnt_pipeline.crs.guessing.hints import Hints
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.ifc_georeferencing import GeoreferencingVerdict, judge
from jnt_pipeline.sources.ifc_map_conversion import GeoreferencingFacts
from jnt_pipeline.sources.ifc_map_position import unit_of_crs_m
from jnt_pipeline.sources.ifc_model import IfcModel, georeferencing_facts, opened
from jnt_pipeline.sources.ifc_step import INGESTED_SCHEMAS, Refusal
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.observed import Observed

__all__ = ["check_ifc", "content_findings", "examine_ifc"]

_MANY_MESSAGES = 5  # parser messages quoted in a report; the rest is counted


def check_ifc(path: Path) -> IntakeReport:
    """The report of :func:`examine_ifc`."""
    return examine_ifc(path)[0]


def examine_ifc(path: Path) -> tuple[IntakeReport, Observed | None]:
    """Report on one .ifc or .ifczip file (or on the .ifcxml that is not read), whatever its schema.

    The second value is what the model shows of its place, None without a map conversion. Never raises for the content
    of a file: what keeps it out of the twin is in the findings, and the verdict is ``unreadable`` for damaged files
    and schemas that cannot be opened.
    """
    try:
        with opened(path) as model:
            if isinstance(model, Refusal):
                return IntakeReport.refused(path, "bim", model.error, model.code), None
            facts = georeferencing_facts(model)
            verdict = judge(facts)
            findings = (*content_findings(model), *verdict.findings)
            report = IntakeReport.judged(path, "bim", _facts(model, facts, verdict), findings)
            return report, _observed(path, facts, verdict)
    except UnreadableError as error:
        return IntakeReport.refused(path, "bim", error, "damaged_archive"), None


def _observed(path: Path, facts: GeoreferencingFacts, verdict: GeoreferencingVerdict) -> Observed | None:
    """The origin of the map conversion, in units of the CRS, and the site beside it."""
    conversion = facts.conversion
    if conversion is None or conversion.is_zero:
        return None
    unit = conversion.map_unit_m / (unit_of_crs_m(verdict.horizontal) if verdict.horizontal else 1.0)
    site = facts.site
    return Observed(
        name=path.name,
        points=np.array([[conversion.eastings * unit, conversion.northings * unit]]),
        reference=None if verdict.horizontal is None else Reference(horizontal=verdict.horizontal),
        hints=Hints(site=None if site is None else site.lon_lat_deg),
    )


def content_findings(model: IfcModel) -> tuple[Finding, ...]:
    """What the content of a model deserves, its place apart: schema, project, parser's complaints, header."""
    findings: list[Finding] = []
    schema = model.header.schema
    if schema not in INGESTED_SCHEMAS:
        findings.append(
            Finding(
                severity="warning",
                code="schema_not_ingested",
                message=f"schema {schema} is reported on, and not read into the twin",
                remedy=f"export the model as {' or '.join(INGESTED_SCHEMAS)} to ingest it",
            )
        )
    n_projects = len(model.of_class("IfcProject"))
    if n_projects != 1:
        findings.append(
            Finding(
                severity="error",
                code="pjs101_project_count",
                message=f"{n_projects} IfcProject in the file, expected exactly one",
                remedy="export one project per file",
            )
        )
    if model.parser_messages:
        quoted = "; ".join(model.parser_messages[:_MANY_MESSAGES])
        more = len(model.parser_messages) - _MANY_MESSAGES
        findings.append(
            Finding(
                severity="warning",
                code="step_errors",
                message=quoted + (f"; and {more} more" if more > 0 else ""),
                remedy="have the author export the model again",
            )
        )
    if model.header.is_unsafe:
        findings.append(
            Finding(
                severity="info",
                code="header_name_sanitised",
                message=f"FILE_NAME holds control or path characters, shown as {model.header.display_name!r}",
            )
        )
    return tuple(findings)


def _facts(model: IfcModel, facts: GeoreferencingFacts, verdict: GeoreferencingVerdict) -> dict[str, JsonValue]:
    unit = facts.project_unit
    told: dict[str, JsonValue] = {
        "schema": model.header.schema,
        "header_name": model.header.display_name,
        "n_entities": model.n_entities,
        "n_products": model.n_products,
        "n_elements": facts.n_elements,
        "n_buildings": len(model.of_class("IfcBuilding")),
        "n_storeys": len(model.of_class("IfcBuildingStorey")),
        "length_unit": None if unit is None else unit.name,
        "length_unit_m": None if unit is None else unit.metres,
        "georeferencing": verdict.status,
        "georeferencing_levels": list(verdict.levels),
        "georeferencing_levels_agree": verdict.levels_agree,
        "crs_name": facts.crs_name,
        "horizontal_crs": verdict.horizontal,
        "vertical_crs": verdict.vertical,
    }
    conversion = facts.conversion
    if conversion is not None:
        told["map_conversion"] = {
            "eastings": conversion.eastings,
            "northings": conversion.northings,
            "orthogonal_height": conversion.orthogonal_height,
            "rotation_deg": round(conversion.rotation_deg, 6),
            "scale": conversion.scale,
            "map_unit_m": conversion.map_unit_m,
        }
    if verdict.position is not None:
        told["longitude_deg"] = round(verdict.position.longitude_deg, 7)
        told["latitude_deg"] = round(verdict.position.latitude_deg, 7)
    if facts.site is not None and facts.site.lon_lat_deg is not None:
        told["site_longitude_deg"], told["site_latitude_deg"] = (round(v, 9) for v in facts.site.lon_lat_deg)
    if facts.hints:
        told["hints"] = dict(facts.hints)
    return told
