"""Cadastral layers in files of features: shapefiles and GeoParquet of Etalab, Parcellaire Express (IGN)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from jnt_pipeline.base_layers.streams import LayerStream, NativeBatch
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import SourceError, UnsupportedError
from jnt_pipeline.provenance import SourceFile
from jnt_pipeline.sources.cadastre.dialects import Dialect, dialect_of
from jnt_pipeline.sources.delivered import reference_for
from jnt_pipeline.sources.mapping import Rejection
from jnt_pipeline.sources.place_ids import with_place_ids
from jnt_pipeline.sources.protocol import SourceDeclaration
from jnt_pipeline.sources.vector_files import Features, layer_names, open_features, stream

__all__ = ["cadastral_dialect", "read_features"]


def read_features(
    path: Path, prints: tuple[SourceFile, ...], source: SourceDeclaration, declared: Reference | None = None
) -> tuple[LayerStream, ...]:
    """The cadastral layers of one file, in its order, as streams in the reference that it states (or ``declared``).

    A building type that nobody knows stays as it is written. Layers that are not read are named in a note.
    Raises ``UnreadableError``, ``MissingCrsError``, ``UnsupportedError`` (no cadastral layer), ``SourceError``.
    """
    found: list[tuple[Features, Dialect]] = []
    unread: list[str] = []
    for name in layer_names(path):
        features = open_features(path, layer=name)
        dialect = cadastral_dialect(features)
        if dialect is None:
            unread.append(name)
        elif any(other.layer == dialect.layer for _, other in found):
            raise SourceError(
                f"two layers of one file hold {dialect.layer}",
                where=path.name,
                found=name,
                expected="each layer once",
                remedy="keep one of them",
            )
        else:
            found.append((features, dialect))
    if not found:
        raise UnsupportedError(
            "no layer of the cadastre in the file",
            where=path.name,
            found="; ".join(unread),
            expected="layers of Etalab or of Parcellaire Express, with their attributes",
            remedy="read it as `kind: vector`, with a mapping of its columns",
        )
    notes = (f"layers of the file that are not read: {', '.join(unread)}",) if unread else ()
    return tuple(_stream(features, dialect, prints, source, declared, notes) for features, dialect in found)


def cadastral_dialect(features: Features) -> Dialect | None:
    """The dialect of a layer of a file; None where its attributes are those of no cadastral layer."""
    is_points = features.geometry_type.startswith(("Point", "MultiPoint"))
    return dialect_of(features.columns.names, is_points=is_points)


def _stream(
    features: Features,
    dialect: Dialect,
    prints: tuple[SourceFile, ...],
    source: SourceDeclaration,
    declared: Reference | None,
    notes: tuple[str, ...],
) -> LayerStream:
    reference, told = reference_for(features, declared)
    reference = reference.flat()  # the plan has no heights
    schema = dialect.mapping.schema

    def mapping(batch: pa.RecordBatch, first: int) -> tuple[pa.RecordBatch, tuple[Rejection, ...]]:
        return dialect.mapping(dialect.prepared(batch), first)

    found = stream(features, schema, mapping, reference, source.provenance(prints, *notes, *told))
    if not dialect.letter:
        return found

    def batches() -> Iterator[NativeBatch]:
        return with_place_ids(found.batches(), schema.key, letter=dialect.letter, reference=reference)

    return replace(found, batches=batches)
