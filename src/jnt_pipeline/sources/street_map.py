"""The street base map (*plan de corps de rue simplifié*, PCRS 2.0, CNIG): every class of a GML tile or GeoPackage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import Field as Setting

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.streams import GEOMETRY
from jnt_pipeline.base_layers.tables.street_map import OTHER_CLASSES, PCRS_CLASSES, STREET_MAP
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import EmptySourceError, SourceError, UnsupportedError
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.findings import notes_of
from jnt_pipeline.sources.intake import Finding
from jnt_pipeline.sources.mapping import Field, Mapping, Rejection
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.street_map_links import PcrsDocument, pcrs_document
from jnt_pipeline.sources.vector_files import layer_names, open_features
from jnt_pipeline.sources.vector_layers import held, layer_of, required_reference

__all__ = ["PcrsFile", "PcrsSource", "holds_street_map", "read_street_map"]

SUFFIXES = (".gml", ".gpkg")
_GEOMETRIC = "AffleurantGeometriquePCRS"  # only says which drawings belong to which fitting
_SCHEMAS = {schema.name: schema for schema in STREET_MAP}
_HEIGHTS = ("min_elevation_m", "max_elevation_m")
_FIELDS = (
    Field(to="pcrs_id", origins=("idobjet", "idhabillage", "idemprise", "gml_id")),
    Field(to="theme_code", origins=("thematique",)),
    Field(to="plan_precision_class", origins=("precisionplanimetrique",)),
    Field(to="height_precision_class", origins=("precisionaltimetrique",)),
    Field(to="classification_quality_code", origins=("qualitecategorisation",)),
    Field(to="surveyed_on", origins=("dateleve",), is_date=True),
    Field(to="surveyor", origins=("producteur",)),
)


class PcrsSource(SourceDeclaration):
    """A GML tile of the PCRS (or a GeoPackage with its classes), or a folder of them."""

    kind: Literal["pcrs"] = Setting(default="pcrs", description="Discriminator.")
    reference: Reference | None = Setting(
        default=None, description="Reference of the coordinates where the files state none, or a wrong one."
    )
    vertical: str | None = Setting(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Vertical CRS of the heights, e.g. EPSG:5720; without it they are left out.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that a tile may hold."""
        return tuple(_SCHEMAS)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per file; opens none. Raises ``EmptySourceError`` without any, ``SourceError`` for a name twice."""
        del area  # names of tiles are the producer's own
        files: dict[str, Path] = {}
        for path in delivered_files(self.path, *SUFFIXES):
            other = files.setdefault(safe_name(path.stem), path)
            if other is not path:
                raise SourceError(
                    f"two files are called {path.stem}",
                    where=path,
                    found=f"also {other}",
                    expected="one file per name",
                    remedy="keep the newest edition and take the other out of the folder",
                )
        if not files:
            raise EmptySourceError(
                "no file of a street base map",
                where=self.path,
                expected="files named *.gml or *.gpkg",
                remedy="ask the managing authority for the PCRS in GML",
            )
        return tuple(SourceUnit(name=name, files=(files[name],)) for name in sorted(files))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The layers of one tile, those that it holds."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return tuple(layer for path in unit.files for layer in read_street_map(path, self).layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class PcrsFile:
    """What one file gives."""

    layers: tuple[Layer, ...]
    """In the order of the schemas."""
    findings: tuple[Finding, ...]
    """What a user must know, beside the records set aside; the layers' notes say the same."""


def holds_street_map(path: Path) -> bool:
    """Whether a file has a class of the standard among its layers."""
    return any(name in PCRS_CLASSES for name in layer_names(path))


def read_street_map(path: Path, source: PcrsSource) -> PcrsFile:
    """Read all classes of one file; holds them in memory.

    Heights of the vertices become the lowest and highest elevation of an object, where the vertical system is declared
    or stated. Raises ``UnreadableError``, ``UnsupportedError`` (no class of the standard), ``MissingCrsError``.
    """
    file = fingerprint(path)
    names = layer_names(path)
    classes = [name for name in names if name.endswith("PCRS") and name != _GEOMETRIC]
    if not any(name in PCRS_CLASSES for name in names):
        raise UnsupportedError(
            "no class of the street base map",
            where=path.name,
            found=", ".join(names) or "no layer",
            expected=f"{', '.join(list(PCRS_CLASSES)[:3])}, …",
            remedy="give the PCRS in GML as the CNIG standard 2.0 has it",
        )
    document = pcrs_document(path)
    parts: list[_Part] = []
    fittings: dict[str, str] = {}
    for name in sorted(classes, key=lambda one: (one != "AffleurantPCRS", names.index(one))):
        part, marks = _read_part(path, name, source)
        if name == "AffleurantPCRS":
            fittings = dict(zip(marks, part.frame["pcrs_id"], strict=True)) if marks else {}
        elif "fitting_id" in part.frame and marks:
            part.frame["fitting_id"] = [fittings.get(document.fitting_of.get(mark, "")) for mark in marks]
        parts.append(part)
    findings = _findings(document, parts, source)
    provenance = source.provenance((file,), *notes_of(findings))
    layers = [
        _layer(schema.name, own, provenance)
        for schema in STREET_MAP
        if (own := [part for part in parts if part.layer == schema.name])
    ]
    return PcrsFile(layers=tuple(layers), findings=findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The objects of one class."""

    name: str
    layer: str
    frame: pd.DataFrame
    rejected: list[Rejection]
    reference: Reference | None
    notes: tuple[str, ...]

    @property
    def shapes(self) -> NDArray[np.object_]:
        return self.frame[GEOMETRY].to_numpy(dtype=object)


def _read_part(path: Path, name: str, source: PcrsSource) -> tuple[_Part, list[str]]:
    """The objects of a class, and their gml:id where no record was set aside."""
    layer = PCRS_CLASSES[name][0] if name in PCRS_CLASSES else OTHER_CLASSES
    schema = _SCHEMAS[layer]
    features = open_features(path, layer=name)
    fields = (*_FIELDS, Field(to="object_class", constant=name))
    records = held(features, Mapping(schema=schema, fields=fields))
    reference = None
    frame = records.frame
    if schema.shape != "none":
        stated = required_reference(features, source.reference)
        reference = stated if source.vertical is None else stated.model_copy(update={"vertical": source.vertical})
        if reference.vertical is not None:
            frame = frame.assign(**_elevations(frame[GEOMETRY].to_numpy(dtype=object)))
    part = _Part(
        name=name, layer=layer, frame=frame, rejected=records.rejected, reference=reference, notes=records.notes
    )
    is_whole = "gml_id" in features.columns.names and not records.rejected
    marks = [str(value) for batch in features.batches() for value in batch["gml_id"].to_pylist()] if is_whole else []
    return part, marks


def _layer(name: str, parts: list[_Part], provenance: Provenance) -> Layer:
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    frame[GEOMETRY] = np.concatenate([part.shapes for part in parts])
    rejected = [row for part in parts for row in part.rejected]
    return layer_of(_SCHEMAS[name], frame, parts[0].reference, provenance, rejected)


def _elevations(shapes: NDArray[np.object_]) -> dict[str, NDArray[np.float64]]:
    """Lowest and highest vertex of each geometry; NaN where it has no heights."""
    points, owner = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    known = np.isfinite(points[:, 2])
    heights = pd.Series(points[known, 2]).groupby(owner[known]).agg(["min", "max"]).reindex(range(len(shapes)))
    return {name: heights[how].to_numpy("float64") for name, how in zip(_HEIGHTS, ("min", "max"), strict=True)}


def _findings(document: PcrsDocument, parts: list[_Part], source: PcrsSource) -> tuple[Finding, ...]:
    findings = [
        Finding(severity="info", code="told_on_opening", message=note)
        for note in dict.fromkeys(note for part in parts for note in part.notes)
    ]
    n_read = {part.name: len(part.frame) + len(part.rejected) for part in parts}
    lost = {name: n - n_read.get(name, 0) for name, n in sorted(document.n_written.items()) if name != _GEOMETRIC}
    if lost := {name: n for name, n in lost.items() if n > 0}:
        message = f"objects that are written in the file and cannot be read: {lost}"
        findings.append(Finding(severity="warning", code="unreadable_objects", message=message))
    if strange := sorted({*n_read} - {*PCRS_CLASSES}):
        message = f"classes that the standard does not name, kept as {OTHER_CLASSES}: {', '.join(strange)}"
        findings.append(Finding(severity="info", code="unknown_classes", message=message))
    placed = [part for part in parts if part.reference is not None]
    if source.vertical is not None:
        message = f"vertical reference {source.vertical} of the heights declared by the user"
        findings.append(Finding(severity="info", code="declared_vertical", message=message))
    elif any(shapely.has_z(part.shapes).any() for part in placed) and not any(
        part.reference is not None and part.reference.vertical for part in placed
    ):
        message = "the vertices have heights and nothing says above what: left out; declare `vertical:` to have them"
        findings.append(Finding(severity="info", code="unknown_vertical", message=message))
    return tuple(findings)
