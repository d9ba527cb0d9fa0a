"""The national register of buildings (*référentiel national des bâtiments*, RNB): bulk files, GeoJSON, API answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.base_layers.streams import LayerStream, NativeBatch
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import EmptySourceError, SourceError, UnsupportedError
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.geojson import geometries_of, parse_json, read_feature_collection
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.rnb_tables import rnb_batches, rnb_header, table_of

__all__ = ["RnbSource", "is_rnb_document", "read_rnb"]

SUFFIXES = (".csv", ".csv.gz", ".csv.zip", ".zip", ".json", ".geojson", ".json.gz", ".geojson.gz")
REFERENCE = Reference(horizontal="EPSG:4326")  # longitude first


class RnbSource(SourceDeclaration):
    """A file of the RNB, or a folder of them: CSV (plain, gzip, ZIP), GeoJSON, pages of the API."""

    kind: Literal["rnb"] = Field(default="rnb", description="Discriminator.")

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The one layer that every unit yields."""
        return ("rnb_buildings",)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per file; opens none. Raises ``EmptySourceError`` without any, ``SourceError`` for a name twice."""
        del area  # the files state no extent in their names
        files: dict[str, Path] = {}
        for path in delivered_files(self.path, *SUFFIXES):
            name = safe_name(path.name.split(".")[0])
            other = files.setdefault(name, path)
            if other is not path:
                raise SourceError(
                    f"two files are called {name}",
                    where=path,
                    found=f"also {other}",
                    expected="one file per name",
                    remedy="keep the newest edition and take the other out of the folder",
                )
        if not files:
            raise EmptySourceError(
                "no file of the RNB",
                where=self.path,
                expected=f"files named *{', *'.join(SUFFIXES)}",
                remedy="download the CSV of the département from data.gouv.fr",
            )
        return tuple(SourceUnit(name=name, files=(files[name],)) for name in sorted(files))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[LayerStream, ...]:
        """The buildings of one file."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return tuple(read_rnb(path, self) for path in unit.files)


def read_rnb(path: Path, source: RnbSource) -> LayerStream:
    """The buildings of one file, batch by batch; ids upper case, without blanks and dashes.

    Inactive ids are kept with ``is_active`` false. A building without outline has its point. Records are set aside as
    ``broken_row``, ``unreadable_feature``, ``broken_ring``, ``bad_coordinates``, ``bad_ext_ids``, ``bad_addresses``,
    ``bad_plots``; the alphabet of the ids is judged by the normaliser (``bad_rnb_id``).

    Raises ``UnreadableError``, ``UnsupportedError`` (JSON of something else), ``SourceError`` (no column rnb_id),
    ``EmptySourceError`` (a collection without buildings).
    """
    file = fingerprint(path)
    notes: tuple[str, ...] = ()
    if _is_json(path):
        batch, notes = _of_json(path)

        def batches() -> Iterator[NativeBatch]:
            yield batch
    else:
        rnb_header(path)

        def batches() -> Iterator[NativeBatch]:
            return rnb_batches(path)

    return LayerStream(
        schema=SCHEMAS["rnb_buildings"],
        reference=REFERENCE,
        provenance=source.provenance((file,), *notes),
        batches=batches,
    )


def is_rnb_document(document: Any) -> bool:
    """Whether a JSON value holds buildings of the RNB: an answer of its API, or features with ``rnb_id``."""
    return any(isinstance(one, dict) and "rnb_id" in one for one in _properties(document)[:1])


def _properties(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return []
    for name in ("results", "features"):
        if isinstance(document.get(name), list):
            items = document[name]
            return (
                items
                if name == "results"
                else [one.get("properties") if isinstance(one, dict) else one for one in items]
            )
    return [document] if "rnb_id" in document else []


def _is_json(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith("json")


def _of_json(path: Path) -> tuple[NativeBatch, tuple[str, ...]]:
    document = parse_json(path)
    rows = _properties(document)
    if not rows and isinstance(document, dict) and ("results" in document or "features" in document):
        raise EmptySourceError(
            "no building found: the answer is empty",
            where=path.name,
            expected="at least one building",
            remedy="check the commune or the box that was asked for",
        )
    if not is_rnb_document(document):
        raise UnsupportedError(
            "JSON that holds no buildings of the RNB",
            where=path.name,
            found=", ".join(map(str, rows[0]))[:120] if rows and isinstance(rows[0], dict) else type(document).__name__,
            expected="features with rnb_id, or an answer of the RNB's API",
            remedy="give a file of the RNB",
        )
    if isinstance(document, dict) and "features" in document:
        features = read_feature_collection(path).features
    else:
        features = [_as_feature(row) for row in rows]
    shapes = geometries_of(features)
    faults = dict(shapes.faults)
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            faults.setdefault(i, ("unreadable_feature", "not a building of the RNB"))
    columns = {
        name: pa.array([_text(row.get(name)) if isinstance(row, dict) else None for row in rows], pa.string())
        for name in ("rnb_id", "status", "is_active", "ext_ids", "addresses", "plots")
    }
    table, rejected = table_of(columns, shapes.values, faults, 0)
    is_page = isinstance(document, dict) and bool(document.get("next"))
    notes = ("the answer announces a further page",) if is_page else ()
    return NativeBatch(table=table, first_record=0, rejected=rejected), notes


def _as_feature(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    return {"type": "Feature", "properties": {}, "geometry": row.get("shape") or row.get("point")}


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
