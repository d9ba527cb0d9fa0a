"""The kernels of vector layers compiled, by reading one hut in GeoJSON and bringing it to Lambert-93; kept on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.streams import Rejection, StreamedLayer, normalise_stream
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.vector_files import open_features, stream

__all__ = ["compile_vector_kernels"]

_HUT = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":"hut"},"geometry":'
    '{"type":"Polygon","coordinates":[[[2.0,47.0],[2.1,47.0],[2.1,47.1],[2.05,47.02],[2.0,47.0]]]}}]}'
)
_SCHEMA = LayerSchema(
    name="huts",
    title="Huts",
    key="id",
    shape="polygon",
    columns=(Column("id", "text", "Key.", required=True), Column("area_m2", "number", "Area, square metres.")),
)


def compile_vector_kernels() -> StreamedLayer:
    """Compile the kernels of GeoJSON and of the fast lane, and return the layer of one hut that they made."""
    with tempfile.TemporaryDirectory(prefix="jnt-") as name:
        path = Path(name) / "hut.geojson"
        path.write_text(_HUT, encoding="utf-8")
        features = open_features(path, columns=pa.schema([("id", pa.string())]))
        origin = Provenance(producer="jnt", licence="none")
        huts = stream(features, _SCHEMA, _unchanged, Reference(horizontal="EPSG:4326"), origin)
        return normalise_stream(huts, Reference(horizontal="EPSG:2154"), path=Path(name) / "hut.parquet")


def _unchanged(batch: pa.RecordBatch, first_record: int) -> tuple[pa.RecordBatch, tuple[Rejection, ...]]:
    del first_record
    return batch, ()
