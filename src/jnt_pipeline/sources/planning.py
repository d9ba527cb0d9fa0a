"""Planning documents and easements (*PLU, POS, carte communale, servitudes d'utilité publique*), after CNIG.

A document comes as a folder of shapefiles and tables (DBF), or as layers of the Géoportail de l'urbanisme (GML,
GeoJSON, GeoPackage). Every column that the layer's schema does not name is kept under its own name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.streams import GEOMETRY
from jnt_pipeline.base_layers.tables.planning import PLANNING
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import EmptySourceError, UnsupportedError
from jnt_pipeline.provenance import SourceFile
from jnt_pipeline.sources.files import delivered_files, fingerprint, read_bytes, safe_name
from jnt_pipeline.sources.findings import notes_of
from jnt_pipeline.sources.intake import Finding
from jnt_pipeline.sources.mapping import Rejection
from jnt_pipeline.sources.planning_classes import PlanningClass, planning_class
from jnt_pipeline.sources.planning_doubts import doubt_of_class
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.vector_files import layer_names, open_features
from jnt_pipeline.sources.vector_layers import (
    derived_ids,
    held,
    layer_of,
    one_reference,
    required_reference,
)

__all__ = ["PlanningDelivery", "PlanningSource", "holds_planning", "read_planning"]

SUFFIXES = (".shp", ".dbf", ".gml", ".gpkg", ".geojson", ".json")
_BESIDE = (".dbf", ".shx", ".prj", ".cpg")  # members of a shapefile
_RETURNED = re.compile(rb"""\bnumberReturned\s*=\s*["'](\d+)["']""")
_HEAD = 4096  # bytes that hold the first tag of an answer of a WFS


class PlanningSource(SourceDeclaration):
    """A folder with the layers of planning documents or easements, or one file of them."""

    kind: Literal["urban_planning"] = Field(default="urban_planning", description="Discriminator.")
    reference: Reference | None = Field(
        default=None, description="Reference of the coordinates where the files state none, or a wrong one."
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that a delivery may hold."""
        return tuple(schema.name for schema in PLANNING)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit for the whole delivery; opens no file. Raises ``EmptySourceError`` when it has no such file."""
        del area  # a document is small
        found = [path for path in delivered_files(self.path, *SUFFIXES) if path.suffix.lower() in SUFFIXES]
        if self.path.is_file():
            found = [self.path]
        beside = [path.with_suffix(end) for path in found if path.suffix.lower() == ".shp" for end in _BESIDE]
        files = dict.fromkeys([*found, *(path for path in beside if path.is_file())])
        if not files:
            raise EmptySourceError(
                "no layer of a planning document",
                where=self.path,
                expected=f"files named *{', *'.join(SUFFIXES)}",
                remedy="give the folder of the document as the Géoportail de l'urbanisme delivers it",
            )
        return (SourceUnit(name=safe_name(self.path.stem), files=tuple(sorted(files))),)

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The layers of the delivery, those that it holds."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return read_planning(unit.files, self).layers


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningDelivery:
    """What the files of one delivery give."""

    layers: tuple[Layer, ...]
    """In the order of the schemas."""
    findings: tuple[Finding, ...]
    """What a user must know, beside the records set aside; the layers' notes say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The records of one layer of one file."""

    path: Path
    found: PlanningClass
    frame: pd.DataFrame
    rejected: list[Rejection]
    reference: Reference | None
    findings: tuple[Finding, ...]


def holds_planning(path: Path) -> bool:
    """Whether a file that GDAL reads has a layer of planning or easements, by name and columns; False if unreadable."""
    return any(_opened(path, name) is not None for name in layer_names(path))


def read_planning(files: tuple[Path, ...], source: PlanningSource) -> PlanningDelivery:
    """Read the layers of a delivery; holds them in memory.

    Records are set aside as ``bad_<column>`` where a value cannot be read; rules of the schema, and invalid polygons
    unless ``source.repair``, are left to the normaliser.

    Raises ``UnreadableError`` (damaged), ``UnsupportedError`` (no layer of the standard), ``MissingCrsError``,
    ``MixedReferencesError`` (files of one layer).
    """
    prints = {path: fingerprint(path) for path in files}
    parts: dict[str, list[_Part]] = {}
    announced: dict[Path, tuple[Finding, ...]] = {}
    strange = []
    doubts: list[Finding] = []
    for path in _opened_alone(files):
        names = layer_names(path)
        n_read = 0
        for name in names:
            part = _read_part(path, name, source)
            if part is None:
                doubt = doubt_of_class(path, name, open_features(path, layer=name).columns.names)
                if doubt is not None:
                    doubts.append(doubt)
                else:
                    strange.append(f"{path.name}: {name}" if len(names) > 1 else path.name)
                continue
            parts.setdefault(part.found.mapping.schema.name, []).append(part)
            n_read += len(part.frame) + len(part.rejected)
        announced[path] = _announced(path, n_read)
    if not parts:
        raise UnsupportedError(
            "no layer of a planning document or of easements",
            where=files[0].name if len(files) == 1 else ", ".join(path.name for path in files[:5]),
            found="; ".join([*(doubt.message for doubt in doubts), *strange]) or "no layer",
            expected="ZONE_URBA, PRESCRIPTION_SURF, INFO_PCT, DOC_URBA, ASSIETTE_SUP_S, …",
            remedy="give the files under the names of the CNIG standard",
        )
    general = tuple(doubts)
    if strange:
        message = f"not read, no class of the standard that is kept: {', '.join(sorted(strange))}"
        general += (Finding(severity="info", code="layers_left_out", message=message),)
    layers, told = [], dict.fromkeys(general)
    for schema in PLANNING:
        if schema.name in parts:
            own = [finding for part in parts[schema.name] for finding in (*part.findings, *announced[part.path])]
            told |= dict.fromkeys(own)
            layers.append(_layer(parts[schema.name], files, prints, source, (*own, *general)))
    return PlanningDelivery(layers=tuple(layers), findings=tuple(told))


def _opened_alone(files: tuple[Path, ...]) -> list[Path]:
    """The files that are opened by themselves: the table of a shapefile comes with it."""
    shapes = {path.with_suffix("") for path in files if path.suffix.lower() == ".shp"}
    return [path for path in files if path.suffix.lower() == ".shp" or path.with_suffix("") not in shapes]


def _opened(path: Path, name: str) -> tuple[PlanningClass, Any] | None:
    found = planning_class(name) or planning_class(path.stem)
    if found is None:
        return None
    features = open_features(path, layer=name)
    known = {column.lower() for column in features.columns.names}
    return (found, features) if known & set(found.needs) or not known else None


def _read_part(path: Path, name: str, source: PlanningSource) -> _Part | None:
    opened = _opened(path, name)
    if opened is None:
        return None
    found, features = opened
    schema = found.mapping.schema
    records = held(features, found.mapping)
    frame = records.frame
    reference = None if schema.shape == "none" else required_reference(features, source.reference)
    shapes = frame[GEOMETRY].to_numpy(dtype=object)
    if found.derives_key:
        frame[schema.key] = derived_ids(schema.key.removesuffix("_id"), _told(frame, schema.key), shapes)
    findings = tuple(_told_by_file(path, note) for note in records.notes)
    if schema.shape == "none" and frame[GEOMETRY].notna().any():
        message = f"{path.name}: {schema.name} are a table, the places of its records are left out"
        findings += (Finding(severity="info", code="places_left_out", message=message),)
    return _Part(path=path, found=found, frame=frame, rejected=records.rejected, reference=reference, findings=findings)


def _told_by_file(path: Path, note: str) -> Finding:
    """What opening the file told; a false encoding that was seen through harms nothing."""
    is_harmless = "read as" in note
    return Finding(
        severity="info" if is_harmless else "warning",
        code="false_encoding" if is_harmless else "told_on_opening",
        message=f"{path.name}: {note}",
    )


def _told(frame: pd.DataFrame, key: str) -> list[pd.Series[Any]]:
    """The attributes that tell records apart, beside their geometry."""
    names = (
        "zone_type",
        "sector_type",
        f"{key[:-3]}_type",
        f"{key[:-3]}_subtype",
        "label",
        "document_id",
        "insee_code",
    )
    return [frame[name] for name in names if name in frame]


def _announced(path: Path, n_read: int) -> tuple[Finding, ...]:
    """A warning where an answer of a WFS announces another number of records than it holds."""
    if path.suffix.lower() != ".gml":
        return ()
    match = _RETURNED.search(read_bytes(path)[:_HEAD])
    if match is None or int(match[1]) == n_read:
        return ()
    return (
        Finding(
            severity="warning",
            code="fewer_records_than_announced",
            message=f"{path.name}: numberReturned says {int(match[1])}, {n_read} can be read",
            remedy="ask for the layer again, page by page",
        ),
    )


def _layer(
    parts: list[_Part],
    files: tuple[Path, ...],
    prints: dict[Path, SourceFile],
    source: PlanningSource,
    findings: tuple[Finding, ...],
) -> Layer:
    schema = parts[0].found.mapping.schema
    references = {part.path: part.reference for part in parts if part.reference is not None}
    reference = one_reference(references, schema.name) if references else None
    used = {part.path.with_suffix("") for part in parts}
    own = tuple(prints[path] for path in files if path.with_suffix("") in used)
    notes = notes_of(findings)
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    frame[GEOMETRY] = np.concatenate([part.frame[GEOMETRY].to_numpy(dtype=object) for part in parts])
    rejected = [row for part in parts for row in part.rejected]
    return layer_of(schema, frame, reference, source.provenance(own, *dict.fromkeys(notes)), rejected)
