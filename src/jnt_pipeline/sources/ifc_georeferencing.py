"""Judgement on where an IFC model says it stands: whether to believe it, and every contradiction by name.

Pure: takes the facts of a model as plain values (``ifc_model`` extracts them) and moves no layer. Levels are those
of LoGeoRef (HTW Dresden, 2019); rules grf001–grf003 are buildingSMART's (ifc-gherkin-rules).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, MissingCrsError, SourceError
from jnt_pipeline.sources.ifc_contradictions import (
    LARGE_LOCAL_M,
    FindingList,
    add_zero_conversion,
    judge_position,
    judge_scale,
)
from jnt_pipeline.sources.ifc_crs_names import horizontal_of, vertical_of
from jnt_pipeline.sources.ifc_map_conversion import (
    IDENTITY,
    GeoreferencingFacts,
    LengthUnit,
    MapConversion,
)
from jnt_pipeline.sources.ifc_map_position import MapPosition, readings_inside
from jnt_pipeline.sources.intake import Finding

__all__ = ["GeoreferencingStatus", "GeoreferencingVerdict", "MapConversion", "judge"]

GeoreferencingStatus = Literal["georeferenced", "nominal", "inconsistent", "approximate", "not_georeferenced"]

_UNIT_METRES = {
    "METER": 1.0, "METRE": 1.0, "METERS": 1.0, "METRES": 1.0, "M": 1.0, "MILLIMETRE": 0.001, "MILLIMETER": 0.001,
    "MM": 0.001, "CENTIMETRE": 0.01, "CENTIMETER": 0.01, "CM": 0.01, "KILOMETRE": 1000.0, "KM": 1000.0,
    "FOOT": 0.3048, "FEET": 0.3048, "FT": 0.3048, "INCH": 0.0254,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoreferencingVerdict:
    """What the place of a model is worth (*géoréférencement*)."""

    status: GeoreferencingStatus
    """georeferenced: place it; all others: never placed."""
    levels: tuple[int, ...]
    """LoGeoRef levels present, 10 to 50; independent of each other."""
    levels_agree: bool | None
    """Whether the levels tell the same place; None where there are not two to compare."""
    horizontal: str | None
    """EPSG code of the projected CRS, where the name could be understood."""
    vertical: str | None
    """EPSG code of the vertical CRS, where the file names one."""
    position: MapPosition | None
    """Origin of the conversion on the map, where it lies in the CRS's area of use."""
    findings: tuple[Finding, ...]

    def refusal(self, where: str) -> JntError | None:
        """The error that keeps the model out of the twin; None when it can be placed."""
        if self.status == "georeferenced":
            return None
        errors = [f for f in self.findings if f.severity == "error"]
        reason = (errors or [f for f in self.findings if f.severity == "warning"] or list(self.findings))[0]
        missing = self.status in {"not_georeferenced", "approximate"}
        kind: type[JntError] = MissingCrsError if missing else SourceError
        remedy = reason.remedy or "state an IfcMapConversion with an IfcProjectedCRS named EPSG:n"
        return kind(
            f"the model cannot be placed ({self.status.replace('_', ' ')}): {reason.message}",
            where=where, found="; ".join(f.code for f in errors) or reason.code,
            expected="one IfcMapConversion to an IfcProjectedCRS named EPSG:n, consistent with its units and site",
            remedy=remedy,
        )  # fmt: skip


def judge(facts: GeoreferencingFacts, declared: Reference | None = None) -> GeoreferencingVerdict:
    """Judge the place of a model; ``declared`` replaces the name of its CRS (the user's override)."""
    found = FindingList()
    levels = _levels(facts)
    units_ok = _judge_units(facts, found)
    horizontal, vertical = _judge_names(facts, declared, found)
    position: MapPosition | None = None
    status: GeoreferencingStatus
    if facts.malformed_placements:
        found.add(
            "error", "malformed_placement",
            f"{len(facts.malformed_placements)} placements lack a place: {', '.join(facts.malformed_placements[:5])}",
            "have the author export the model again",
        )  # fmt: skip
    if horizontal is None or facts.conversion is None:
        _judge_large_coordinates(facts, found)
    if not facts.operations:
        _judge_absence(facts, found)
        status = "approximate" if 20 in levels else "not_georeferenced"
        return GeoreferencingVerdict(
            status=status, levels=levels, levels_agree=None, horizontal=horizontal, vertical=vertical,
            position=None, findings=tuple(found),
        )  # fmt: skip
    _judge_operations(facts, found)
    conversion = facts.conversion
    if conversion is not None and units_ok:
        judge_scale(conversion, found)
        if horizontal is not None:
            position = judge_position(facts, conversion, horizontal, found)
    nominal = any(f.code == "zero_conversion" and f.severity == "warning" for f in found)
    if horizontal is None or conversion is None:
        status = "approximate" if 20 in levels else "not_georeferenced"
    elif found.has_error:
        status = "inconsistent"
    else:
        status = "nominal" if nominal else "georeferenced"
    told = {"site_position_contradicts", "georeferenced_twice", "rotation_contradicts_true_north"}
    disagree = any(f.code in told for f in found)
    untold = any(f.code == "site_position_not_compared" for f in found) and not disagree
    comparable = position is not None and len(set(levels) - {10}) > 1 and not untold
    return GeoreferencingVerdict(
        status=status, levels=levels, levels_agree=(not disagree) if comparable else None,
        horizontal=horizontal, vertical=vertical, position=position, findings=tuple(found),
    )  # fmt: skip


def _levels(facts: GeoreferencingFacts) -> tuple[int, ...]:
    metres = (facts.project_unit.metres if facts.project_unit else None) or 1.0
    site = facts.site
    present = {
        10: facts.has_address,
        20: site is not None and bool(site.latitude and site.longitude),
        30: any(math.hypot(x, y) * metres > LARGE_LOCAL_M for x, y, _ in facts.root_origins),
        40: facts.world_origin != IDENTITY or facts.true_north is not None,
        50: bool(facts.operations) and facts.crs_name is not None,
    }
    return tuple(level for level, there in present.items() if there)


def _judge_units(facts: GeoreferencingFacts, found: FindingList) -> bool:
    """Whether the units can be believed."""
    before = found.has_error
    if facts.project_unit is None:
        if facts.n_contexts:
            found.add(
                "error", "missing_length_unit", "the project states no unit of length",
                "state a LENGTHUNIT in the IfcUnitAssignment of the project",
            )  # fmt: skip
    else:
        _judge_unit(facts.project_unit, "project", found)
    if facts.map_unit is not None:
        extra = _reading(facts) if facts.operations else ""
        _judge_unit(facts.map_unit, "map", found, extra)
    return found.has_error is before


def _judge_unit(unit: LengthUnit, role: str, found: FindingList, extra: str = "") -> None:
    if unit.metres is None:
        found.add(
            "error", "malformed_unit", f"the {role} unit {unit.name!r} is malformed or not a length",
            "export one LENGTHUNIT whose conversion factor is a typed measure, e.g. IFCLENGTHMEASURE(0.3048)",
        )  # fmt: skip
        return
    meant = _UNIT_METRES.get(unit.name.strip().upper())
    if meant is not None and not math.isclose(unit.metres, meant, rel_tol=1e-4):  # US survey foot: 2e-6
        found.add(
            "error", f"inconsistent_{role}_unit",
            f"the {role} unit is called {unit.name} and has the factor {unit.metres:g} m, expected {meant:g} m{extra}",
            "correct the unit in the authoring tool and export again; the model is not placed until then",
        )  # fmt: skip


def _reading(facts: GeoreferencingFacts) -> str:
    """What the eastings give literally, and in which other unit they would make sense."""
    _, values, name = facts.operations[0]
    eastings, northings = values[0], values[1]
    height = next(iter(values[2:3]), None)
    named = horizontal_of(name)
    if eastings is None or northings is None or isinstance(named, str) or facts.map_unit is None:
        return ""
    literal = eastings * (facts.map_unit.metres or 1.0)
    text = f"; taken literally the easting is {literal / 1000:,.0f} km"
    for unit, metres in readings_inside(named.code, eastings, northings):
        text += (
            f"; read in {unit} it is E {eastings * metres:.3f} m, N {northings * metres:.3f} m"
            f"{'' if height is None else f', H {height * metres:.3f} m'}, inside {named.code}"
        )
    return text


def _judge_names(
    facts: GeoreferencingFacts, declared: Reference | None, found: FindingList
) -> tuple[str | None, str | None]:
    """Horizontal and vertical code, as declared or as the file names them."""
    if facts.crs_name is None and not facts.operations and declared is None:
        return None, None
    named = horizontal_of(facts.crs_name or "")
    horizontal = None if isinstance(named, str) else named.code
    compound = None if isinstance(named, str) else named.vertical
    vertical = vertical_of(facts.vertical_datum) if facts.vertical_datum else compound
    if declared is not None:
        return declared.horizontal, declared.vertical or vertical
    if isinstance(named, str):
        found.add(
            "error", "grf002_unknown_crs_name", f"the IfcProjectedCRS has no usable name: {named}",
            "name it EPSG:n (e.g. EPSG:2154 for Lambert-93), or declare `crs` for this source",
        )  # fmt: skip
    elif not named.is_code:
        found.add(
            "warning", "crs_name_free_text", f"the CRS is named {facts.crs_name!r}, read as {named.code}",
            f"name the IfcProjectedCRS {named.code}",
        )  # fmt: skip
    if facts.operations and vertical is None:
        stated = f"VerticalDatum {facts.vertical_datum!r} is unknown" if facts.vertical_datum else "no VerticalDatum"
        code = "unknown_vertical_datum" if facts.vertical_datum else "missing_vertical_datum"
        found.add(
            "warning", code, f"the heights have no datum: {stated}",
            "state VerticalDatum as EPSG:n (EPSG:5720 for NGF-IGN69), or declare `vertical` for this source",
        )  # fmt: skip
    return horizontal, vertical


def _judge_absence(facts: GeoreferencingFacts, found: FindingList) -> None:
    if facts.crs_name is not None:
        found.add(
            "warning", "crs_without_operation", f"IfcProjectedCRS {facts.crs_name!r} without a coordinate operation",
            "add the IfcMapConversion that leads to it",
        )  # fmt: skip
    remedy = "add an IfcMapConversion to an IfcProjectedCRS named EPSG:n (IFC4), with Eastings, Northings and height"
    if facts.facilities and facts.schema != "IFC2X3":  # IFC2X3 has no entity to say it with
        found.add("error", "grf003_not_georeferenced", f"{', '.join(facts.facilities)} without georeferencing", remedy)
    elif facts.facilities or facts.n_elements:
        found.add("warning", "not_georeferenced", "local coordinates only: no coordinate operation", remedy)
    else:
        found.add("info", "not_georeferenced", "no coordinate operation, and nothing to place", remedy)
    site = facts.site
    if site is not None and site.lon_lat_deg is not None:
        lon, lat = site.lon_lat_deg
        found.add(
            "info", "approximate_position",
            f"the site states latitude {lat:.6f}, longitude {lon:.6f}: without axes or map, an approximate place only",
        )  # fmt: skip
    if facts.hints:
        text = ", ".join(f"{name} = {value}" for name, value in facts.hints)
        found.add("info", "georeferencing_hint", f"survey values stand as text in property sets: {text}", remedy)


def _judge_large_coordinates(facts: GeoreferencingFacts, found: FindingList) -> None:
    """Map coordinates hidden where no conversion speaks of them: in the context's origin or in a placement."""
    metres = (facts.project_unit.metres if facts.project_unit else None) or 1.0
    origin = tuple(row[3] for row in facts.world_origin[:3])
    places = {"the context origin": origin} | {
        f"a root placement ({i})": p for i, p in enumerate(facts.root_origins, 1)
    }
    far = {name: p for name, p in places.items() if math.hypot(*p[:2]) * metres > LARGE_LOCAL_M}
    if far:
        text = ", ".join(f"{name} at ({x:.2f}, {y:.2f}, {z:.2f})" for name, (x, y, z) in far.items())
        found.add(
            "warning", "large_local_coordinates", f"large coordinates without a usable conversion: {text}",
            "say what they are with an IfcMapConversion and an IfcProjectedCRS named EPSG:n",
        )  # fmt: skip


def _judge_operations(facts: GeoreferencingFacts, found: FindingList) -> None:
    different = sorted(set(facts.operations), key=repr)
    if len(different) > 1:
        found.add(
            "error", "grf001_contexts_disagree",
            f"{len(different)} different coordinate operations in one file",
            "give every representation context the identical operation",
        )  # fmt: skip
    elif len(facts.operations) < facts.n_contexts:
        strict = facts.schema != "IFC4"  # the rule is written for IFC4X3; IFC4 exporters attach one, to the model
        found.add(
            "error" if strict else "info",
            "grf001_contexts_disagree" if strict else "context_without_operation",
            f"{len(facts.operations)} of {facts.n_contexts} representation contexts have a coordinate operation",
            "give every representation context the identical operation",
        )
    if facts.conversion is None:
        if all(values[:2] == (0.0, 0.0) for _, values, _ in facts.operations):
            add_zero_conversion(found)
        found.add(
            "error", "unusable_conversion", f"the coordinate operation cannot be used: {facts.unusable}",
            "state Eastings, Northings, OrthogonalHeight, and units of length",
        )  # fmt: skip
    elif facts.conversion.axis_is_degenerate:
        found.add("warning", "degenerate_axis", "XAxisAbscissa and XAxisOrdinate are both 0, read as (1, 0)")
