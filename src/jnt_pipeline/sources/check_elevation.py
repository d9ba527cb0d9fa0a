"""Intake report of a raster: size, place, registration, range, voids, and what keeps it from being the terrain."""

from __future__ import annotations

from pathlib import Path

import pyproj
from pydantic import JsonValue

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, MissingCrsError, MissingHeightReferenceError, SourceError, UnsupportedError
from jnt_pipeline.sources.elevation import raster_reference
from jnt_pipeline.sources.elevation_doubts import above_ground_doubt, require_named_place
from jnt_pipeline.sources.elevation_names import product_of_name, surface_of_name, tile_of_name
from jnt_pipeline.sources.elevation_pixels import (
    USUAL_VOIDS,
    RasterHeader,
    RasterSummary,
    describe_raster,
    refuse_pictures,
    summarise,
)
from jnt_pipeline.sources.intake import Finding, IntakeReport

__all__ = ["examine_elevation"]


def examine_elevation(path: Path, *, crs: Reference | None = None, vertical: str | None = None) -> IntakeReport:
    """Report on a GeoTIFF or an ESRI ASCII grid; ``crs`` and ``vertical`` are declarations, as in ``ElevationSource``.

    A picture is told as such, with what it states of its place.
    """
    try:
        header = describe_raster(path)
    except JntError as error:
        return IntakeReport.refused(path, "elevation", error, "damaged")
    facts = _header_facts(path, header)
    findings = _place_findings(path, header, crs, vertical, facts)
    if facts["horizontal_crs"] is not None:
        try:
            require_named_place(header, path.name, Reference(horizontal=str(facts["horizontal_crs"])))
        except SourceError as error:
            findings.append(Finding.of_error(error, "name_contradicts_place"))
    try:
        refuse_pictures(header, path)
    except UnsupportedError as error:
        told = Finding.of_error(error, "not_elevation").model_copy(update={"severity": "warning"})
        return IntakeReport.judged(path, "raster", facts, [*findings, told])
    try:
        summary = summarise(path, header)
    except UnsupportedError as error:
        return IntakeReport.refused(path, "elevation", error, "not_read", facts=facts, findings=findings)
    except SourceError as error:
        code = "damaged" if error.exit_code == UnsupportedError.exit_code else "impossible_elevations"
        return IntakeReport.refused(path, "elevation", error, code, facts=facts, findings=findings)
    facts |= {"n_void_pixels": summary.n_void, "range_m": _range(summary)}
    return IntakeReport.judged(path, "elevation", facts, [*findings, *_value_findings(path, summary, header)])


def _header_facts(path: Path, header: RasterHeader) -> dict[str, JsonValue]:
    surface = surface_of_name(path.name)
    return {
        "format": header.format,
        "product": product_of_name(path.name),
        "surface": surface,
        "tile_id": None if surface is None else tile_of_name(path.name, surface),
        "size": [header.n_rows, header.n_columns],
        "n_bands": header.n_bands,
        "dtype": header.dtype,
        "resolution": [abs(header.pixel[0]), abs(header.pixel[1])],
        "extent": [round(value, 8) for value in header.bounds],
        "registration": header.registration,
        "nodata": header.nodata,
        "crs_name": pyproj.CRS.from_wkt(header.crs_wkt).name if header.crs_wkt else None,
    }


def _place_findings(
    path: Path, header: RasterHeader, crs: Reference | None, vertical: str | None, facts: dict[str, JsonValue]
) -> list[Finding]:
    """What is to be said of the reference, which is added to the facts as far as it is known."""
    found: list[Finding] = []
    # Pictures have no heights: of them, as of an unknown surface without a vertical, the plane alone is asked.
    surface = surface_of_name(path.name) or ("dtm" if header.n_bands == 1 else "dhm")
    reference: Reference | None = None
    try:
        reference, notes = raster_reference(header, path.name, surface, crs=crs, vertical=vertical)
        found += [_note(note) for note in notes]
    except MissingHeightReferenceError as error:
        reference, notes = raster_reference(header, path.name, "dhm", crs=crs)
        found += [_note(note) for note in notes]
        found.append(Finding.of_error(error, "unknown_vertical"))
    except MissingCrsError as error:
        found.append(Finding.of_error(error, "missing_crs"))
    except JntError as error:
        found.append(Finding.of_error(error, "contradictory_reference"))
    facts |= {
        "horizontal_crs": None if reference is None else reference.horizontal,
        "vertical_crs": None if reference is None else reference.vertical,
    }
    if header.is_south_up:
        found.append(
            _warning(
                "south_up",
                "rows run from south to north: whoever reads them as north up turns the terrain upside down",
                "nothing for this toolkit, which reads every pixel at its stated place; else gdalwarp turns it",
            )
        )
    return found


def _value_findings(path: Path, summary: RasterSummary, header: RasterHeader) -> list[Finding]:
    found = []
    if summary.n_undeclared:
        marks = " or ".join(f"{mark:g}" for mark in USUAL_VOIDS)
        found.append(
            _warning(
                "undeclared_nodata",
                f"{summary.n_undeclared} pixels at {marks}, which the file does not declare as no data",
                "they are read as void; for other software declare it: gdal_edit -a_nodata",
            )
        )
    if summary.lowest_m is None:
        n = header.n_rows * header.n_columns
        found.append(_warning("no_elevation", f"none of {n} pixels has a value", "leave the tile out"))
    doubt = above_ground_doubt(summary) if surface_of_name(path.name) is None else None
    if doubt is not None:
        found.append(_warning("heights_above_ground", doubt, "if so, declare surface: dhm; as terrain they are wrong"))
    return found


def _range(summary: RasterSummary) -> list[JsonValue] | None:
    if summary.lowest_m is None or summary.highest_m is None:
        return None
    return [round(summary.lowest_m, 4), round(summary.highest_m, 4)]


def _note(message: str) -> Finding:
    """What was taken from a name because the CRS is unusable is to be looked at; the rest is worth knowing."""
    if "unusable" in message:
        return _warning("unusable_crs", message, "have the producer state the CRS, or declare it: crs: EPSG:…")
    return Finding(severity="info", code="reference_note", message=message)


def _warning(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="warning", code=code, message=message, remedy=remedy)
