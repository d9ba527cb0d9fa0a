"""``jnt check``: one report per file, whatever it is; refuses by name what this version does not read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.cadastre import dialect_of
from jnt_pipeline.sources.check_layers import Examined
from jnt_pipeline.sources.check_lidar import examine_lidar
from jnt_pipeline.sources.check_records import examine_cadastre, examine_csv, examine_sensorthings
from jnt_pipeline.sources.edigeo.sheets import is_edigeo
from jnt_pipeline.sources.files import read_bytes
from jnt_pipeline.sources.formats import TITLES, holds_shapefile, sniff
from jnt_pipeline.sources.geojson import attributes_of, parse_json
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.network import COLUMNS
from jnt_pipeline.sources.planning_classes import planning_class
from jnt_pipeline.sources.rnb import is_rnb_document
from jnt_pipeline.sources.rnb_tables import rnb_header
from jnt_pipeline.sources.sensorthings import is_sensorthings
from jnt_pipeline.sources.suggestions import suggestions
from jnt_pipeline.sources.text_tables import header_of
from jnt_pipeline.sources.xml_roots import refuse_other_xml

__all__ = ["check_file", "check_files"]


def check_file(path: Path, *, crs: Reference | None = None, vertical: str | None = None) -> IntakeReport:
    """Report on one file alone; see :func:`check_files`."""
    return check_files([path], crs=crs, vertical=vertical)[0]


def check_files(
    paths: Sequence[Path], *, crs: Reference | None = None, vertical: str | None = None
) -> list[IntakeReport]:
    """Report on files: what each is, what is in it, and what must be known before it is used.

    Where a file's numbers contradict the reference that it states, a finding says what it probably is, with its
    evidence; the other files are part of that evidence, so that files of one territory are best checked together.
    Nothing is corrected.

    Parameters
    ----------
    crs : reference declared by the user, which overrides what a LiDAR file states.
    vertical : vertical CRS declared by the user, for files that state none (LiDAR, sensors).

    The reader is chosen by the content, then by the extension. A name says nothing but the vertical datum and the
    km square of an IGN product. Never raises ``JntError``: what is wrong is in the findings, and the verdict is
    ``unreadable`` for a damaged file and for a format that this version does not read.
    """
    examined = [_examined(path, crs, vertical) for path in paths]
    found = suggestions([observed for _, observed in examined])
    return [report.with_findings(more) for (report, _), more in zip(examined, found, strict=True)]


def _examined(path: Path, crs: Reference | None, vertical: str | None) -> Examined:
    try:
        if path.is_dir():
            raise UnsupportedError(
                "a folder, not a file", where=path.name, expected="a file", remedy="name the files: jnt check FOLDER/*"
            )
        if not path.exists():
            missing = UnreadableError(
                "no such file", where=path.name, expected="a file", remedy="check the path and its spelling"
            )
            return IntakeReport.refused(path, "unknown", missing, "missing_file"), None
        if not path.stat().st_size:
            raise UnreadableError(
                "the file is empty",
                where=path.name,
                found="0 bytes",
                expected="a whole file",
                remedy="download the file again and compare its size with the producer's",
            )
        kind = sniff(path)
    except JntError as error:
        return IntakeReport.refused(path, "unknown", error, _code(error)), None
    if kind == "lidar":
        return examine_lidar(path, crs=crs, vertical=vertical)
    if kind in {"geotiff", "ascii_grid"}:
        from jnt_pipeline.sources.check_elevation import examine_elevation

        return examine_elevation(path, crs=crs, vertical=vertical), None
    examine = _EXAMINE.get(kind)
    if examine is not None:
        return examine(path, kind, vertical)
    return _refuse(path, kind, vertical), None


def _examine_ifc(path: Path, kind: str, vertical: str | None) -> Examined:
    from jnt_pipeline.sources.bim_check import examine_ifc

    del kind, vertical
    return examine_ifc(path)


def _examine_json(path: Path, kind: str, vertical: str | None) -> Examined:
    try:
        document = parse_json(path)
    except JntError as error:
        return IntakeReport.refused(path, kind, error, _code(error)), None
    if is_rnb_document(document):
        from jnt_pipeline.sources.check_registers import examine_rnb

        return examine_rnb(path)
    kind = _json_kind(document)
    if kind == "geojson" and planning_class(path.name.split(".")[0]) is not None:
        return _examine_features(path, kind, vertical)
    if kind == "geojson":
        attributes = attributes_of(document["features"])
        # features of another kind are described for a mapping of one's own
        return _examine_features(path, kind, vertical) if _is_foreign(attributes) else examine_cadastre(path)
    if kind == "sensors":
        return examine_sensorthings(path, document, vertical)
    return _refuse(path, kind, vertical), None


def _examine_csv(path: Path, kind: str, vertical: str | None) -> Examined:
    from jnt_pipeline.sources.check_registers import examine_table

    try:
        columns = header_of(read_bytes(path), path)[1]
    except JntError as error:
        return IntakeReport.refused(path, kind, error, _code(error)), None
    found = examine_table(path, columns)
    if found is not None:
        return found
    names = set(columns)
    shared = {name: len(names & set(columns)) for name, columns in COLUMNS.items()}
    likeliest = max(shared, key=lambda name: shared[name])
    # two columns of ours make a table of ours: a third one missing is then named
    if shared[likeliest] >= 2:
        return examine_csv(path, likeliest, vertical)
    return _refuse(path, kind, vertical), None


def _examine_features(path: Path, kind: str, vertical: str | None) -> Examined:
    from jnt_pipeline.sources.check_features import companion_report, examine_feature_file
    from jnt_pipeline.sources.check_registers import examine_features

    part = companion_report(path)
    if part is not None:
        return part, None
    try:
        return examine_features(path, vertical) or examine_feature_file(path, vertical)
    except JntError as error:
        return IntakeReport.refused(path, kind, error, _code(error)), None


def _examine_zip(path: Path, kind: str, vertical: str | None) -> Examined:
    from jnt_pipeline.sources.check_registers import examine_rnb

    if is_edigeo(path):
        return _examine_edigeo(path, "edigeo", vertical)
    if holds_shapefile(path):
        return _examine_features(path, kind, vertical)
    try:
        rnb_header(path)
    except JntError:
        return _refuse(path, kind, vertical), None  # an archive of something else
    return examine_rnb(path)


def _examine_xml(path: Path, kind: str, vertical: str | None) -> Examined:
    """XML of another kind, with its own words where its root tells them: the error of a service, say."""
    try:
        refuse_other_xml(path)
    except JntError as error:
        return IntakeReport.refused(path, kind, error, _code(error)), None
    return _refuse(path, kind, vertical), None


def _examine_part(path: Path, kind: str, vertical: str | None) -> Examined:
    from jnt_pipeline.sources.check_features import companion_report

    return companion_report(path) or _refuse(path, kind, vertical), None


def _examine_metadata(path: Path, kind: str, vertical: str | None) -> Examined:
    """It is no fault of a delivery that it is described: passed over, in one line."""
    del vertical
    message = "describes a delivery (ISO 19139) and holds no feature of it: passed over"
    finding = Finding(severity="info", code="metadata", message=message)
    return IntakeReport.judged(path, kind, {"format": "XML"}, [finding]), None


def _examine_edigeo(path: Path, kind: str, vertical: str | None) -> Examined:
    from jnt_pipeline.sources.check_edigeo import examine_edigeo, examine_edigeo_member

    return (examine_edigeo_member if kind == "edigeo_member" else examine_edigeo)(path, kind, vertical)


def _refuse(path: Path, kind: str, vertical: str | None) -> IntakeReport:
    del vertical
    error = UnsupportedError(
        f"{TITLES[kind]}: not read by this version",
        where=path.name,
        expected="cadastre (EDIGÉO, GeoJSON, SHP, GPKG); BD TOPO; RNB; addresses; PLU; PCRS; LAS, LAZ or COPC; "
        "elevation rasters (GeoTIFF, ASCII grid); IFC; sensor CSV or SensorThings JSON; any other file of features "
        "(GeoPackage, shapefile, GeoJSON, GML, FlatGeobuf, GeoParquet)",
        remedy="convert it to one of these, or leave it out of the folder of the source",
    )
    return IntakeReport.refused(path, kind, error, "not_read")


def _is_foreign(attributes: frozenset[str]) -> bool:
    """Whether features with these attributes are of another kind than the cadastre."""
    return bool(attributes) and not any(dialect_of(attributes, is_points=is_points) for is_points in (False, True))


def _json_kind(document: Any) -> str:
    if is_sensorthings(document) or (isinstance(document, dict) and document.get("value") == []):
        return "sensors"
    if not isinstance(document, dict):
        return "json"
    if document.get("type") == "FeatureCollection" or isinstance(document.get("features"), list):
        return "geojson"
    if document.get("type") in {"CityJSON", "CityJSONFeature"}:
        return "cityjson"
    if "@context" in document or str(document.get("id", document.get("@id", ""))).startswith("urn:ngsi"):
        return "ngsi_ld"
    return "json"


def _code(error: JntError) -> str:
    return "not_read" if isinstance(error, UnsupportedError) else "damaged"


_EXAMINE: dict[str, Callable[[Path, str, str | None], Examined]] = {
    "bim": _examine_ifc,
    "edigeo": _examine_edigeo,
    "edigeo_archive": _examine_edigeo,
    "edigeo_member": _examine_edigeo,
    "json": _examine_json,
    "csv": _examine_csv,
    "zip": _examine_zip,
    "gml": _examine_features,
    "metadata": _examine_metadata,
    "xml": _examine_xml,
    "shapefile": _examine_features,
    "geopackage": _examine_features,
    "dbf": _examine_features,
    "parquet": _examine_features,
    "flatgeobuf": _examine_features,
    "unknown": _examine_part,
}
