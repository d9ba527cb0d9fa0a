"""Intake report of a LiDAR tile (*dalle*): points per class, box, reference, and what keeps it out of the twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from jnt_pipeline.crs.domains import check_inside, domains_of
from jnt_pipeline.crs.guessing.hints import Hints
from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import canonical, lonlat, system
from jnt_pipeline.errors import (
    CrsError,
    JntError,
    MissingCrsError,
    MissingHeightReferenceError,
    MixedReferencesError,
    OutsideAreaError,
    UnsupportedError,
)
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.las_classes import class_name
from jnt_pipeline.sources.las_header import LasPromise, read_las_promise
from jnt_pipeline.sources.las_points import TileSummary, point_chunks, read_las_header, scaled, summarise_tile
from jnt_pipeline.sources.las_reference import StatedCrs, named_code, resolve_reference, stated_crs
from jnt_pipeline.sources.lidar import acquisition_days, is_inside, named_square, tile_id_of_name
from jnt_pipeline.sources.observed import Observed

__all__ = ["examine_lidar"]

GROUND_CLASS = 2
WATER_CLASS = 9
NOISE_CLASSES = frozenset({7, 18, 65})  # ASPRS low and high noise, IGN artefacts: of no use to any stage


_SAMPLE = 60_000  # points kept of the first million, evenly: enough for shares, and for ground in common with another


def examine_lidar(
    path: Path, *, crs: Reference | None = None, vertical: str | None = None
) -> tuple[IntakeReport, Observed | None]:
    """Report on a LAS, LAZ or COPC file, and what it shows of its place (None when its points cannot be read).

    ``crs`` and ``vertical`` are declarations, as in ``LidarSource``.
    """
    try:
        promise = read_las_promise(path)
        header = read_las_header(path, promise)
    except JntError as error:
        return IntakeReport.refused(path, "lidar", error, _code(error)), None
    facts = _header_facts(path, promise, header)
    stated = stated_crs(header)
    facts |= {"crs_name": None if stated.crs is None else stated.crs.name, "crs_units": list(stated.units)}
    try:
        summary = summarise_tile(path)
    except JntError as error:
        return IntakeReport.refused(path, "lidar", error, _code(error), facts=facts), None
    facts |= _point_facts(summary)
    findings = [*_point_findings(path, summary)]
    reference, doubts = _reference(path, stated, crs, vertical)
    findings += doubts
    facts |= {
        "horizontal_crs": None if reference is None else reference.horizontal,
        "vertical_crs": None if reference is None else reference.vertical,
        "reference": None if reference is None or reference.vertical is None else reference.code,
    }
    if reference is not None:
        findings += _place_findings(path, summary, reference)
    # a vertical that is contradicted leaves the place as it is stated; two horizontal references leave none
    place = reference if reference is not None or stated.rivals else _horizontal(stated, path, crs)
    return IntakeReport.judged(path, "lidar", facts, findings), _observed(path, promise, summary, place)


def _observed(path: Path, promise: LasPromise, summary: TileSummary, reference: Reference | None) -> Observed | None:
    """A sample of the points, and what the name says of their place."""
    if summary.mins is None:
        return None
    header, points = next(iter(point_chunks(path, promise)))
    codes = np.asarray(points.classification)
    useful = ~np.isin(codes, list(NOISE_CLASSES)) & ~np.asarray(points.withheld).astype(bool)
    rows = np.flatnonzero(useful if useful.any() else np.ones(len(codes), dtype=bool))
    rows = rows[:: max(1, len(rows) // _SAMPLE)]
    xyz = np.column_stack([scaled(points[axis][rows], header, i) for i, axis in enumerate("XYZ")])
    kinds = codes[rows]
    ground = xyz[kinds == GROUND_CLASS]
    return Observed(
        name=path.name,
        points=xyz[:, :2],
        reference=reference,
        hints=Hints(
            square=named_square(path.name), named_code=named_code(path.name) or "", density=summary.density
        ),
        spots=ground if len(ground) else xyz,
        is_ground=bool(len(ground)),
        water=xyz[kinds == WATER_CLASS][:, 2],
    )  # fmt: skip


def _header_facts(path: Path, promise: LasPromise, header: Any) -> dict[str, JsonValue]:
    is_copc = bool(header.vlrs) and type(header.vlrs[0]).__name__ == "CopcInfoVlr"
    return {
        "format": "COPC" if is_copc else "LAZ" if promise.is_compressed else "LAS",
        "las_version": promise.version,
        "point_format": promise.point_format,
        "n_points": promise.n_points,
        "tile_id": tile_id_of_name(path.name),
        "extra_dimensions": list(header.point_format.extra_dimension_names),
        "extended_records": [f"{record.user_id} {record.record_id}" for record in header.evlrs or ()],
    }


def _point_facts(summary: TileSummary) -> dict[str, JsonValue]:
    mins, maxs = summary.mins, summary.maxs
    return {
        "class_counts": {str(code): n for code, n in summary.class_counts.items()},
        "classes": {str(code): class_name(code) for code in summary.class_counts},
        "n_withheld": summary.n_withheld,
        "n_overlap": summary.n_overlap,
        "extent": None
        if mins is None or maxs is None
        else [round(value, 8) for value in (mins[0], mins[1], maxs[0], maxs[1])],
        "elevation_range": None if mins is None or maxs is None else [round(mins[2], 8), round(maxs[2], 8)],
        "density": None if summary.density is None else float(f"{summary.density:.4g}"),
        "acquired_on": acquisition_days(summary),
    }


def _point_findings(path: Path, summary: TileSummary) -> list[Finding]:
    found: list[Finding] = []
    useful = {code: n for code, n in summary.class_counts.items() if code not in NOISE_CLASSES}
    if summary.density is None:
        found.append(
            _warning(
                "no_area",
                f"{summary.n_points} point{'s' * (summary.n_points != 1)}: no area, no raster, no density",
                "ask the producer for the whole tile",
            )
        )
    if summary.n_points and not useful:
        classes = ", ".join(map(str, summary.class_counts))
        found.append(
            _warning(
                "only_noise",
                f"all {summary.n_points} points are of class {classes}: nothing is left after class selection",
                "ask the producer for the classified tile",
            )
        )
    elif summary.n_points and GROUND_CLASS not in useful:
        found.append(
            _warning(
                "no_ground",
                f"no ground point (class {GROUND_CLASS}): no terrain can be derived from this tile alone",
                "ask the producer for the classified tile, or classify its ground (SMRF or cloth simulation: PDAL, "
                "CloudCompare)",
            )
        )
    if summary.n_withheld:
        found.append(
            Finding(severity="info", code="withheld_points", message=f"{summary.n_withheld} withheld points left out")
        )
    square = named_square(path.name)
    if square is not None and not is_inside(summary, square):
        found.append(
            _warning(
                "name_contradicts_points",
                f"the name states the km square {tile_id_of_name(path.name)}, the points lie from {summary.mins} "
                f"to {summary.maxs}",
                "correct the name: the two numbers are the km of the NORTH-WEST corner",
            )
        )
    return found


def _reference(
    path: Path, stated: StatedCrs, crs: Reference | None, vertical: str | None
) -> tuple[Reference | None, list[Finding]]:
    """Reference as far as it is known, and what is to be said of it."""
    try:
        reference, notes = resolve_reference(stated, path.name, crs=crs, vertical=vertical)
    except MissingHeightReferenceError as error:
        return _horizontal(stated, path, crs), [Finding.of_error(error, "unknown_vertical")]
    except MissingCrsError as error:
        return None, [Finding.of_error(error, "missing_crs")]
    except MixedReferencesError as error:
        return None, [Finding.of_error(error, "mixed_references")]
    except CrsError as error:
        return None, [Finding.of_error(error, "contradictory_reference")]
    return reference, [Finding(severity="info", code="reference_note", message=note) for note in notes]


def _horizontal(stated: StatedCrs, path: Path, crs: Reference | None) -> Reference | None:
    """The horizontal reference alone, when the heights have none that is known."""
    if crs is None and stated.crs is None:
        return None
    try:
        return (canonical(crs) if crs else reference_of(stated.parts[0], where=path.name)).flat()
    except MissingCrsError:
        return None


def _place_findings(path: Path, summary: TileSummary, reference: Reference) -> list[Finding]:
    """Whether the points lie where the CRS may be used."""
    if summary.mins is None or summary.maxs is None:
        return []
    corners = np.array([summary.mins[:2], summary.maxs[:2]])
    flat = system(reference.flat())
    if flat.is_degrees:
        longitude, latitude = lonlat(flat, corners)
        if np.abs(longitude).max() > 180 or np.abs(latitude).max() > 90:
            message = (
                f"x from {corners[0, 0]:g} to {corners[1, 0]:g}, y from {corners[0, 1]:g} to {corners[1, 1]:g}: "
                f"outside the valid range of longitude and latitude, which {reference.horizontal} counts"
            )
            remedy = "the reference is not that of the points: ask the producer, then declare it with crs"
            return [_warning("outside_crs_area", message, remedy)]
    try:
        check_inside(flat, corners, domains_of(flat, flat, [], None), where=path.name)
    except OutsideAreaError as error:
        return [Finding.of_error(error, "outside_crs_area").model_copy(update={"severity": "warning"})]
    return []


def _warning(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="warning", code=code, message=message, remedy=remedy)


def _code(error: JntError) -> str:
    return "not_read" if isinstance(error, UnsupportedError) else "damaged"
