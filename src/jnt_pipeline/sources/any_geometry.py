"""Layers that declare geometries of any kind with heights: made readable for pyogrio, which knows no such type.

GDAL says ``Unknown (3D)`` where polygons and multipolygons with heights stand side by side. What is changed is a copy,
and only its declaration: every geometry keeps its own type and its heights.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import warnings
from contextlib import closing, suppress
from pathlib import Path

__all__ = ["HEARING", "declares_any_with_heights", "make_readable"]

HEARING = threading.Lock()
"""Python's list of warnings is one for all threads."""

_ANY = "upper(geometry_type_name) = 'GEOMETRY' AND z = 1"
_ANY_IN_GFS = re.compile(rb"<GeometryType>-?2147483648</GeometryType>")


def declares_any_with_heights(path: Path) -> bool:
    """Whether a layer of a GeoPackage is declared as any geometry, with heights; False where that cannot be read."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as base,
    ):
        return base.execute(f"SELECT 1 FROM gpkg_geometry_columns WHERE {_ANY}").fetchone() is not None
    return False


def make_readable(place: Path) -> None:
    """Let a *copy* of a GML document or a GeoPackage not say that any geometry has heights; damage stays as it is."""
    with place.open("rb") as file:
        is_package = file.read(16).startswith(b"SQLite format 3\x00")
    if is_package:
        with suppress(sqlite3.Error), closing(sqlite3.connect(place)) as base, base:
            base.execute(f"UPDATE gpkg_geometry_columns SET z = 2 WHERE {_ANY}")
    elif not _can_be_listed(place):
        # the scheme says no more than `any geometry`: without it GDAL looks at the features and notes what it finds
        place.with_suffix(".xsd").unlink(missing_ok=True)
        _can_be_listed(place)
        noted = place.with_suffix(".gfs")
        if noted.is_file():
            noted.write_bytes(_ANY_IN_GFS.sub(b"<GeometryType>0</GeometryType>", noted.read_bytes()))


def _can_be_listed(place: Path) -> bool:
    """Whether pyogrio knows the types of a document's layers; what it notes beside the document speeds the next one."""
    from pyogrio.errors import GeometryError

    from jnt_pipeline.libraries.gdal import pyogrio

    with HEARING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come again, and are heard, when the document is read
        try:
            pyogrio.list_layers(place)
        except GeometryError:
            return False
        except (RuntimeError, ValueError):
            return True
    return True
