"""Telling what a file is by its first bytes, then by its extension; never by its folder."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.xml_roots import is_metadata

__all__ = ["TITLES", "holds_shapefile", "sniff"]

_HEAD = 4096  # bytes: enough for a signature and the first tags of a text format
_SIGNATURES = (
    (b"LASF", "lidar"),
    (b"II*\x00", "geotiff"),
    (b"MM\x00*", "geotiff"),
    (b"II+\x00", "geotiff"),
    (b"MM\x00+", "geotiff"),
    (b"BZh", "edigeo_archive"),
    (b"SQLite format 3\x00", "geopackage"),
    (b"\x00\x00\x27\x0a", "shapefile"),
    (b"PAR1", "parquet"),
    (b"fgb\x03", "flatgeobuf"),
    (b"b3dm", "3dtiles"),
    (b"glTF", "gltf"),
)
_TEXT_SUFFIXES = {
    ".json": "json",
    ".geojson": "json",
    ".jsonld": "json",
    ".csv": "csv",
    ".dbf": "dbf",
    ".las": "lidar",
    ".laz": "lidar",
    ".ifc": "bim",
}
TITLES = {
    "geotiff": "GeoTIFF raster",
    "ascii_grid": "ESRI ASCII grid",
    "edigeo_archive": "EDIGÉO sheet (tar.bz2)",
    "edigeo": "EDIGÉO sheet",
    "edigeo_member": "member of an EDIGÉO sheet",
    "geopackage": "GeoPackage",
    "shapefile": "shapefile",
    "parquet": "Parquet file",
    "flatgeobuf": "FlatGeobuf file",
    "3dtiles": "3D Tiles content",
    "gltf": "glTF model",
    "gml": "GML document",
    "metadata": "metadata of a delivery (ISO 19139)",
    "xml": "XML document",
    "gtfs": "GTFS feed",
    "zip": "ZIP archive",
    "csv": "CSV table",
    "dbf": "dBASE table",
    "geojson": "GeoJSON of another kind than the cadastre",
    "cityjson": "CityJSON model",
    "ngsi_ld": "NGSI-LD entity",
    "json": "JSON document",
    "unknown": "file of an unknown kind",
}
"""Words for the formats that are recognised and not read."""


def sniff(path: Path) -> str:
    """Kind of a file: ``lidar``, ``bim``, ``json``, ``csv``, or one of ``TITLES``.

    Raises ``UnreadableError`` when the file cannot be opened, or is an archive that cannot be unpacked.
    """
    head = _head(path)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _archive_kind(path)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    suffix = path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if text.startswith(b"ISO-10303-21"):
        return "bim"
    if text.startswith(b"BOMT "):
        return "edigeo" if b".THF" in text.split(b"\n", 1)[0].upper() else "edigeo_member"
    if text[:5].lower() == b"ncols":
        return "ascii_grid"
    if text.startswith(b"<"):
        return _xml_kind(text)
    if text[:1] in {b"{", b"["}:
        return "json"
    return _TEXT_SUFFIXES.get(suffix, "unknown")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if not head.startswith(b"\x1f\x8b"):
            return head
        with gzip.open(path, "rb") as packed:
            return packed.read(_HEAD)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(
            "the file cannot be opened, or its gzip archive is damaged",
            where=path.name,
            found=str(error.strerror or error) if isinstance(error, OSError) else str(error),
            expected="a file that this user may read",
            remedy="check the path and the permissions, or download the file again",
        ) from error


def _archive_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rsplit("/", 1)[-1].lower() for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableError(
            "the ZIP archive is damaged",
            where=path.name,
            found=str(error),
            expected="a whole ZIP archive",
            remedy="download the file again",
        ) from error
    if any(name.endswith((".ifc", ".ifcxml")) for name in names):
        return "bim"
    return "gtfs" if any(name.endswith(("stops.txt", "agency.txt")) for name in names) else "zip"


def holds_shapefile(path: Path) -> bool:
    """Whether a ZIP archive that can be opened holds a shapefile."""
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(".shp") for name in archive.namelist())


def _xml_kind(text: bytes) -> str:
    lowered = text.lower()
    if b"ifcxml" in lowered or b"iso_10303_28" in lowered or b"standards.buildingsmart.org/ifc" in lowered:
        return "bim"
    if is_metadata(text):
        return "metadata"
    return "gml" if b"opengis.net/gml" in lowered or b"opengis.net/wfs" in lowered else "xml"
