"""A native layer too large to hold: its records come in batches, in the columns of their schema, geometry as WKB.

A reader yields a ``LayerStream`` where files may hold millions of records; ``normalise_stream`` turns it into a base
layer on disk with the same rules as ``normalise``, holding a batch at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.provenance import Counts, Provenance

# geopandas takes a second to load, as long as a hundred thousand parcels do: not before a frame is asked for.
if TYPE_CHECKING:
    import pandas as pd

    from jnt_pipeline.area import AreaOfInterest
    from jnt_pipeline.base_layers.layers import Layer

__all__ = ["GEOMETRY", "LayerStream", "NativeBatch", "StreamedLayer", "collected", "normalise_stream", "origin_text"]

GEOMETRY = "geometry"
"""Name of the geometry column, in every table of the toolkit."""

Rejection = tuple[str, str, str]
"""Record, reason code, sentence: a row of ``layers.REJECTED_COLUMNS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeBatch:
    """Some consecutive records of a native layer."""

    table: pa.RecordBatch
    """Columns of the schema (``area_m2`` left out), then others where the schema keeps them, then ``geometry``: binary,
    WKB (ISO or extended, any dimension, either byte order) in the stream's reference; null where a record has none."""
    first_record: int
    """Position in the source of the first record, from 0; names records that have no key."""
    rejected: tuple[Rejection, ...] = ()
    """Records that the reader itself set aside while it made this batch; they are not in ``table``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStream:
    """A native layer that is read batch by batch, as often as it is asked for."""

    schema: LayerSchema
    reference: Reference
    """Horizontal and vertical reference of geometry and elevations."""
    provenance: Provenance
    batches: Callable[[], Iterator[NativeBatch]] = field(repr=False)
    """Opens the source and yields its records in their order; raises ``SourceError`` on damage, however late."""
    n_records: int | None = None
    """How many records to expect, where the source states it: room is made for their keys at once."""

    @property
    def name(self) -> str:
        """Name of the layer in the twin."""
        return self.schema.name


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedLayer:
    """A base layer whose records are on disk already; the rest is that of a ``Layer``."""

    name: str
    reference: Reference
    provenance: Provenance
    counts: Counts
    rejections: tuple[Rejection, ...] = ()
    own_schema: LayerSchema | None = None

    @property
    def rejected(self) -> pd.DataFrame:
        """Records set aside: ``record``, ``reason``, ``detail``."""
        from jnt_pipeline.base_layers.layers import rejections

        return rejections(list(self.rejections))


def collected(stream: LayerStream) -> Layer:
    """The native layer of all batches, held in memory: for small files, and for the tests of the streamed way."""
    import geopandas as gpd
    import pandas as pd
    import shapely

    from jnt_pipeline.base_layers.layers import Layer, rejections

    frames: list[gpd.GeoDataFrame] = []
    rejected: list[Rejection] = []
    n_read = 0
    for batch in stream.batches():
        table = batch.table.drop_columns([GEOMETRY]).to_pandas()
        geometry = shapely.from_wkb(np.asarray(batch.table[GEOMETRY].to_pylist(), dtype=object))
        frames.append(gpd.GeoDataFrame(table, geometry=geometry, crs=stream.reference.horizontal))
        rejected.extend(batch.rejected)
        n_read += batch.table.num_rows + len(batch.rejected)
    if frames:
        frame = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=stream.reference.horizontal)
    else:
        names = [name for name in stream.schema.column_names if name != "area_m2"]
        frame = gpd.GeoDataFrame(pd.DataFrame(columns=names), geometry=[], crs=stream.reference.horizontal)
    reasons = Counter(reason for _, reason, _ in rejected)
    return Layer(
        name=stream.name,
        frame=frame,
        reference=stream.reference,
        provenance=stream.provenance,
        counts=Counts(read=n_read, kept=len(frame), rejected=dict(sorted(reasons.items()))),
        rejected=rejections(rejected),
        own_schema=stream.schema,
    )


def normalise_stream(
    stream: LayerStream,
    target: Reference,
    *,
    area: AreaOfInterest | None = None,
    undulation: DeclaredUndulation | None = None,
    path: Path,
) -> StreamedLayer:
    """Write the base layer made of a stream to ``path`` (GeoParquet); rules and reason codes of ``normalise``.

    A batch is held at a time, and 23 bytes for each key. Rows keep the order of the source; a geometry that is no
    WKB, or WKB of rings that are not closed, is set aside as ``invalid_geometry``. Raises as ``normalise``, and
    whatever the source raises while it is read; no file is left behind then.
    """
    from jnt_pipeline.base_layers.vectors.lane import Outcome, write_base_layer

    def layer(outcome: Outcome) -> StreamedLayer:
        return StreamedLayer(
            name=stream.name,
            reference=outcome.reference,
            provenance=outcome.provenance,
            counts=outcome.counts,
            rejections=outcome.rejected,
            own_schema=stream.schema,
        )

    def metadata(outcome: Outcome) -> dict[str, str]:
        return {"jnt": origin_text(layer(outcome))}

    return layer(write_base_layer(stream, target, area=area, undulation=undulation, path=path, metadata=metadata))


def origin_text(layer: Layer | StreamedLayer) -> str:
    """Reference, provenance and counts of a layer as JSON text: key ``jnt`` of its file, and the file beside it.

    A layer whose name is not one of ``SCHEMAS`` tells its own schema too.
    """
    from jnt_pipeline.base_layers.schema import SCHEMAS

    document: dict[str, Any] = {
        "reference": None if layer.reference is None else layer.reference.model_dump(mode="json"),
        "provenance": layer.provenance.model_dump(mode="json"),
        "counts": layer.counts.model_dump(mode="json"),
    }
    if layer.own_schema is not None and layer.own_schema != SCHEMAS.get(layer.name):
        document["own_schema"] = asdict(layer.own_schema)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
