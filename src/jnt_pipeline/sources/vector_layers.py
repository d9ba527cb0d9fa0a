"""Small layers of vector files held in memory: through a mapping, and judged."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.streams import GEOMETRY
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import MissingCrsError, MixedReferencesError, UnreadableError
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.sources.mapping import Mapping, Rejection
from jnt_pipeline.sources.vector_files import Features
from jnt_pipeline.sources.vector_soundness import at_hand

__all__ = ["Held", "derived_ids", "held", "layer_of", "one_reference", "required_reference"]

_DTYPES = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}
_ID_DIGITS = 16  # hexadecimal: two records of a country share one by chance once in 10⁵ countries
_GRID_M = 0.01  # what a survey of planning tells apart, and what degrees to seven decimals do


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The records of one layer of a file, in memory."""

    frame: pd.DataFrame
    """Columns of the schema, then ``geometry``: shapely objects, None where a record has none."""
    rejected: list[Rejection]
    notes: tuple[str, ...]
    """What opening the file told."""


def required_reference(features: Features, declared: Reference | None) -> Reference:
    """The reference of a layer: as declared, else as the file states it. Raises ``MissingCrsError``."""
    found = declared or features.reference
    if found is None:
        raise MissingCrsError(
            "the file states no coordinate reference system",
            where=features.path.name,
            expected="a reference (a .prj file beside a shapefile, srsName in GML)",
            remedy="ask the producer, or declare `reference:` on the source, e.g. EPSG:2154",
        )
    return found


def held(features: Features, mapping: Mapping) -> Held:
    """The records of a layer in the columns of the mapping's schema, with ``geometry`` as shapely objects.

    Raises ``UnreadableError`` when a geometry cannot be read.
    """
    tables: list[pa.RecordBatch] = []
    rejected: list[Rejection] = []
    first = 0
    straight: NDArray[np.object_] | None = None
    for batch in features.batches():
        if straight is None and _has_curves(batch[GEOMETRY], features.path):
            straight = _without_curves(features)
        if straight is not None:
            place = batch.schema.get_field_index(GEOMETRY)
            shapes = pa.array(straight[first : first + batch.num_rows], pa.binary())
            batch = batch.set_column(place, GEOMETRY, shapes)  # noqa: PLW2901
        table, faults = mapping(batch, first)
        tables.append(table)
        rejected.extend(faults)
        first += batch.num_rows
    if not tables:
        names = [*features.columns.names, GEOMETRY]
        types = [*features.columns.types, pa.binary()]
        nothing = [pa.nulls(0, one) for one in types]
        tables.append(mapping(pa.RecordBatch.from_arrays(nothing, names), 0)[0])
    whole = pa.Table.from_batches(tables)
    frame = whole.drop_columns([GEOMETRY]).to_pandas()
    frame[GEOMETRY] = shapely.from_wkb(np.asarray(whole[GEOMETRY].to_pylist(), dtype=object))
    notes = () if straight is None else (f"{features.layer}: arcs are drawn as chords, one every 4 degrees at most",)
    return Held(frame=frame, rejected=rejected, notes=(*features.notes, *notes))


def _has_curves(shapes: pa.Array, path: Path) -> bool:
    try:
        shapely.from_wkb(np.asarray(shapes.to_pylist(), dtype=object))
    except NotImplementedError:
        return True
    except shapely.errors.ShapelyError as error:
        raise UnreadableError(
            "a geometry cannot be read",
            where=path.name,
            found=str(error),
            expected="points, lines and polygons",
            remedy="ask the producer for simple geometries",
        ) from error
    return False


def _without_curves(features: Features) -> NDArray[np.object_]:
    """WKB of all geometries of a layer, arcs drawn as chords by GDAL (its default: one every 4 degrees at most)."""
    from jnt_pipeline.libraries.gdal import pyogrio

    with at_hand(features.path) as place:
        shapes: NDArray[np.object_] = pyogrio.raw.read(place, layer=features.layer, columns=[])[2]
    return shapes


def one_reference(references: dict[Path, Reference], layer: str) -> Reference:
    """The reference that all files of a layer state. Raises ``MixedReferencesError``."""
    if len(set(references.values())) > 1:
        told = ", ".join(f"{path.name} {reference}" for path, reference in references.items())
        raise MixedReferencesError(
            "the files of one layer are in different references",
            where=layer,
            found=told,
            expected="one reference for the whole layer",
            remedy="read the files of each reference as a source of their own",
        )
    return next(iter(references.values()))


def layer_of(
    schema: LayerSchema,
    frame: pd.DataFrame,
    reference: Reference | None,
    provenance: Provenance,
    rejected: Sequence[Rejection],
) -> Layer:
    """The native layer of a frame whose ``geometry`` is left out where the schema has none."""
    typed: dict[str, Any] = {column.name: _DTYPES[column.kind] for column in schema.columns if column.name in frame}
    plain = frame.drop(columns=GEOMETRY).reset_index(drop=True).astype(typed)
    if schema.shape != "none" and reference is not None:
        plain = gpd.GeoDataFrame(plain, geometry=frame[GEOMETRY].to_numpy(dtype=object), crs=reference.horizontal)
    reasons = Counter(reason for _, reason, _ in rejected)
    return Layer(
        name=schema.name,
        frame=plain,
        reference=reference if schema.shape != "none" else None,
        provenance=provenance,
        counts=Counts(read=len(plain) + len(rejected), kept=len(plain), rejected=dict(sorted(reasons.items()))),
        rejected=rejections(list(rejected)),
        own_schema=schema,
    )


def derived_ids(word: str, texts: Sequence[pd.Series[Any]], geometries: NDArray[np.object_]) -> list[str]:
    """Identifiers of records that have none, from their texts and their geometry on a grid of a centimetre.

    The same record in another delivery has the same id, wherever it stands and wherever its rings begin. Parameters:
    ``geometries`` shape (n,), in metres or degrees as delivered: another projection gives other ids.
    """
    is_degrees = bool(np.nanmax(np.abs(shapely.total_bounds(geometries)), initial=0) <= 360)
    grid = _GRID_M / 100_000 if is_degrees else _GRID_M
    rounded = shapely.transform(shapely.force_2d(geometries), lambda points: np.round(points / grid))
    shapes = shapely.to_wkb(shapely.normalize(rounded), byte_order=1)
    ids = []
    for i, shape in enumerate(shapes):
        told = "\x1f".join("" if pd.isna(text.iloc[i]) else str(text.iloc[i]) for text in texts)
        digest = hashlib.sha256(f"{word}\x1f{told}\x1f".encode() + (shape or b""))
        ids.append(f"{word}-{digest.hexdigest()[:_ID_DIGITS]}")
    return ids
