"""Files of features as a delivery holds them: their parts, names of units, and the reference they are in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import MissingCrsError, UnsupportedError
from jnt_pipeline.sources.files import safe_name
from jnt_pipeline.sources.vector_files import Features

__all__ = ["VECTOR_SUFFIXES", "parts_of", "reference_for", "unit_names"]

VECTOR_SUFFIXES = (
    ".gpkg", ".shp", ".shp.zip", "-shp.zip", ".geojson", ".geojson.gz", ".json", ".json.gz", ".gml", ".fgb", ".parquet",
)  # fmt: skip
"""Ends of the names of files that are read as features."""

_PARTS = (".cpg", ".dbf", ".prj", ".shx")  # what a shapefile is read with


def parts_of(path: Path) -> tuple[Path, ...]:
    """A file with those that belong to it, itself first; opens nothing."""
    if path.suffix.lower() != ".shp":
        return (path,)
    beside = [
        part
        for suffix in _PARTS
        for part in (path.with_suffix(suffix), path.with_suffix(suffix.upper()))
        if part.is_file()
    ]
    return (path, *dict.fromkeys(beside))


def unit_names(paths: Sequence[Path], root: Path) -> dict[Path, str]:
    """A name for each file, unique and safe as a file name: that of the file, with its folders where two are alike.

    Where two names still become one (``forêt`` and ``forét``, ``a/b_c`` and ``a_b/c``), a digest of the path inside
    ``root`` tells them apart. Case does not: there are file systems without it.
    """
    stems = {path: safe_name(path.name.split(".")[0]) for path in paths}
    if _are_apart(stems):
        return stems
    whole = {path: path.relative_to(root).as_posix() for path in paths}
    names = {path: safe_name(inside.replace("/", "_")) for path, inside in whole.items()}
    if _are_apart(names):
        return names
    return {path: f"{names[path]}-{hashlib.sha256(whole[path].encode()).hexdigest()[:8]}" for path in paths}


def _are_apart(names: Mapping[Path, str]) -> bool:
    return len({name.lower() for name in names.values()}) == len(names)


def reference_for(features: Features, declared: Reference | None) -> tuple[Reference, tuple[str, ...]]:
    """The reference of a file's coordinates, declared or stated, and what to note about it.

    Raises ``MissingCrsError`` when it is neither stated nor declared, or the file states no known system;
    ``UnsupportedError`` for a table that states none, where there is nothing to declare it of.
    """
    if declared is None:
        stated = features.reference
        if stated is None and not features.geometry_type:
            raise UnsupportedError(
                "the file is a table without geometry",
                where=features.path.name,
                found=f"columns {', '.join(features.columns.names[:8])}" if features.columns.names else "no column",
                expected="features with a geometry, and metadata that name it (GeoParquet: the key `geo`)",
                remedy="write it again as features, e.g. with GeoDataFrame.to_parquet or QGIS",
            )
        if stated is None:
            raise MissingCrsError(
                "the file states no coordinate reference system",
                where=features.path.name,
                found="no CRS" if features.path.suffix.lower() != ".shp" else "no .prj beside it, or an empty one",
                expected="a CRS in the file",
                remedy="declare `reference:` on the source, e.g. EPSG:2154",
            )
        return stated, ()
    try:
        stated = features.reference
    except MissingCrsError:
        stated = None
    if stated is not None and stated.horizontal != declared.horizontal:
        return declared, (f"{features.path.name} states {stated}; read as declared: {declared}",)
    return declared, () if stated is not None else (f"{features.path.name} states no known CRS; declared: {declared}",)
