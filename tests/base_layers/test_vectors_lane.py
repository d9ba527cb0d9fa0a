"""The fast lane of vector layers gives what normalise gives, batch by batch, and loses no record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.base_layers.parquet import read_layer_metadata, read_layer_parquet, write_layer_parquet
from jnt_pipeline.base_layers.streams import LayerStream, NativeBatch, StreamedLayer, collected, normalise_stream
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import (
    MissingHeightReferenceError,
    MixedReferencesError,
    OutsideAreaError,
    SchemaError,
    UnreadableError,
)
from jnt_pipeline.provenance import Provenance

LAMBERT = Reference(horizontal="EPSG:2154")
DEGREES = Reference(horizontal="EPSG:4326")
ORIGIN = Provenance(producer="test", licence="none")
SCHEMA = LayerSchema(
    name="plots",
    title="Plots",
    key="plot_id",
    shape="any",
    columns=(
        Column("plot_id", "text", "Key.", required=True, pattern="[a-z0-9]+"),
        Column("n_floors", "integer", "Storeys."),
        Column("height_m", "number", "Height."),
        Column("area_m2", "number", "Area."),
    ),
)


def schema_of(shape: str) -> LayerSchema:
    return LayerSchema(name="plots", title="Plots", key="plot_id", shape=shape, columns=SCHEMA.columns)  # type: ignore[arg-type]


def batch(ids: list[str | None], wkb: list[bytes | None], first: int = 0) -> NativeBatch:
    n = len(ids)
    table = pa.RecordBatch.from_arrays(
        [
            pa.array(ids, pa.string()),
            pa.array([None if i % 3 == 0 else i for i in range(n)], pa.int32()),
            pa.array([i / 2 for i in range(n)], pa.float64()),
            pa.array(wkb, pa.binary()),
        ],
        ["plot_id", "n_floors", "height_m", "geometry"],
    )
    return NativeBatch(table=table, first_record=first)


def stream_of(*batches: NativeBatch, schema: LayerSchema = SCHEMA, reference: Reference = LAMBERT) -> LayerStream:
    return LayerStream(schema=schema, reference=reference, provenance=ORIGIN, batches=lambda: iter(batches))


def wkb_of(shape: shapely.Geometry, **options: object) -> bytes:
    return bytes(shapely.to_wkb(shape, **options))


def both(
    stream: LayerStream, folder: Path, area: AreaOfInterest | None = None
) -> tuple[pd.DataFrame, StreamedLayer, Layer]:
    """The frame of the fast lane sorted by key, what it says, and the layer of normalise."""
    path = folder / "lane.parquet"
    streamed = normalise_stream(stream, LAMBERT, area=area, path=path)
    frame = read_layer_parquet(path)
    order = np.argsort(frame["plot_id"].to_numpy(dtype=object), kind="stable")
    with np.errstate(invalid="ignore"):  # GEOS raises the flag of NaN, and numpy tells
        layer = normalise(collected(stream), LAMBERT, area=area)
    return frame.iloc[order].reset_index(drop=True), streamed, layer


def assert_same(frame: pd.DataFrame, streamed: StreamedLayer, layer: Layer) -> None:
    assert streamed.counts == layer.counts
    rows = streamed.rejected.sort_values(["record", "reason"]).reset_index(drop=True)
    expected = layer.rejected.sort_values(["record", "reason"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected)
    assert (streamed.reference, streamed.provenance) == (layer.reference, layer.provenance)
    assert list(frame.columns) == list(layer.frame.columns)
    pd.testing.assert_frame_equal(pd.DataFrame(frame.drop(columns="geometry")), layer.frame.drop(columns="geometry"))
    assert shapely.to_wkb(frame.geometry.array).tolist() == shapely.to_wkb(layer.frame.geometry.array).tolist()


# --- the property: whatever the batches hold ------------------------------------------------------------------------

X0, Y0 = 652_000.0, 6_862_000.0
corner = st.integers(0, 6).map(float)
ring = st.lists(st.tuples(corner, corner), min_size=3, max_size=9)


def moved(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(shape, lambda points: points * 10 + (X0, Y0))


def astray(points: np.ndarray, far: float) -> np.ndarray:
    """The second vertex far away: not the first of a ring, which the last repeats."""
    result = points.copy()
    result[1:2, 0] += far
    return result


@st.composite
def shapes(draw: st.DrawFn) -> bytes | None:
    """WKB of any kind: polygons with bow ties, spikes and holes, all other types, Z, M, either byte order, or none."""
    kind = draw(
        st.sampled_from(["polygon"] * 5 + ["hole", "multi", "point", "line", "points", "lines", "several", "none"])
    )
    if kind == "none":
        return None
    points = draw(ring)
    if kind == "polygon":
        shape = shapely.Polygon(points)
    elif kind == "hole":
        shape = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [points])
    elif kind == "multi":
        shape = shapely.MultiPolygon([shapely.Polygon(points), shapely.Polygon(draw(ring))])
    elif kind == "point":
        shape = shapely.Point(points[0]) if draw(st.booleans()) else shapely.Point()
    elif kind == "line":
        shape = shapely.LineString(points)
    elif kind == "points":
        shape = shapely.MultiPoint(points)
    elif kind == "lines":
        shape = shapely.MultiLineString([points, points[::-1]])
    else:
        shape = shapely.GeometryCollection([shapely.Polygon(points), shapely.Point(points[0])])
    shape = moved(shape)
    if draw(st.integers(0, 4)) == 0:
        shape = shapely.force_3d(shape, 7.0)
    if draw(st.integers(0, 15)) == 0:  # far outside, or no number at all
        far = draw(st.sampled_from([1e7, float("nan")]))
        shape = shapely.transform(shape, lambda points: astray(points, far), include_z=shape.has_z)
    with np.errstate(invalid="ignore"):
        return wkb_of(
            shape,
            byte_order=draw(st.sampled_from([1, 1, 1, 0])),
            flavor=draw(st.sampled_from(["iso", "extended"])),
        )


@st.composite
def batches(draw: st.DrawFn) -> tuple[NativeBatch, ...]:
    keys = st.one_of(st.integers(0, 12).map(lambda n: f"k{n}"), st.integers().map(lambda n: f"long{abs(n)}" * 4))
    odd = st.sampled_from([None, "", "  a1 ", "UPPER", "a\n"])
    made, first = [], 0
    for _ in range(draw(st.integers(1, 3))):
        wkb = draw(st.lists(shapes(), min_size=0, max_size=12))
        ids = [draw(odd) if draw(st.integers(0, 9)) == 0 else draw(keys) for _ in wkb]
        made.append(batch(ids, wkb, first))
        first += len(wkb)
    # a sound record, so that the layer as a whole is never at fault
    made.append(batch(["zz"], [wkb_of(moved(shapely.box(0, 0, 1, 1)))], first))
    return tuple(made)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=batches(), shape=st.sampled_from(["any", "any", "polygon", "line", "point"]), is_cut=st.booleans())
def test_the_lane_gives_what_normalise_gives(
    tmp_path: Path, made: tuple[NativeBatch, ...], shape: str, is_cut: bool
) -> None:
    if shape in {"line", "point"}:
        last = wkb_of(shapely.LineString([(X0, Y0), (X0 + 1, Y0)]) if shape == "line" else shapely.Point(X0, Y0))
        made = (*made[:-1], batch(["zz"], [last], made[-1].first_record))
    area = AreaOfInterest(bbox=(X0 - 1, Y0 - 1, X0 + 25, Y0 + 25)) if is_cut else None
    assert_same(*both(stream_of(*made, schema=schema_of(shape)), tmp_path, area))


# --- what the property does not reach ---------------------------------------------------------------------------------

BOX = wkb_of(moved(shapely.box(0, 0, 1, 1)))


def test_the_file_says_what_the_writer_of_frames_says(tmp_path: Path) -> None:
    stream = stream_of(batch(["b", "a"], [BOX, BOX]))
    frame, streamed, layer = both(stream, tmp_path)
    write_layer_parquet(layer.frame, tmp_path / "frame.parquet")
    lane, written = (pq.read_metadata(tmp_path / f"{name}.parquet").metadata for name in ("lane", "frame"))
    assert lane[b"geo"] == written[b"geo"]
    assert lane[b"pandas"] == written[b"pandas"]
    schema = pq.read_schema(tmp_path / "lane.parquet")
    assert schema.remove_metadata() == pq.read_schema(tmp_path / "frame.parquet").remove_metadata()
    assert '"kept": 2' in read_layer_metadata(tmp_path / "lane.parquet")["jnt"]
    assert frame["area_m2"].tolist() == [100.0, 100.0]
    assert str(frame["n_floors"].dtype) == "Int64"
    assert streamed.rejected.empty


def test_rows_keep_the_order_of_the_source_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    stream = stream_of(batch(["b", "a"], [BOX, BOX]), batch(["0"], [BOX], 2))
    for name in ("one", "two"):
        normalise_stream(stream, LAMBERT, path=tmp_path / name)
    assert read_layer_parquet(tmp_path / "one")["plot_id"].tolist() == ["b", "a", "0"]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_stream_without_records_is_an_empty_layer(tmp_path: Path) -> None:
    streamed = normalise_stream(stream_of(), LAMBERT, path=tmp_path / "none")
    assert (streamed.counts.read, len(read_layer_parquet(tmp_path / "none"))) == (0, 0)


def test_wkb_that_no_reader_takes_is_set_aside_with_the_words_of_geos(tmp_path: Path) -> None:
    cut, opened = BOX[:-1], bytearray(BOX)
    opened[-1] ^= 1  # the last position is no more the first
    streamed = normalise_stream(
        stream_of(batch(["a", "b", "c", "d"], [cut, bytes(opened), b"", BOX])), LAMBERT, path=tmp_path / "out"
    )
    assert streamed.counts.rejected == {"invalid_geometry": 3}
    assert "closed" in streamed.rejected.set_index("record")["detail"]["b"]
    assert read_layer_parquet(tmp_path / "out")["plot_id"].tolist() == ["d"]


def test_a_source_that_fails_late_leaves_no_file(tmp_path: Path) -> None:
    def batches() -> Iterator[NativeBatch]:
        yield batch(["a"], [BOX])
        raise UnreadableError("cut short", where="plots.gpkg")

    stream = LayerStream(schema=SCHEMA, reference=LAMBERT, provenance=ORIGIN, batches=batches)
    with pytest.raises(UnreadableError):
        normalise_stream(stream, LAMBERT, path=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_layer_wholly_outside_is_an_error_however_many_batches_it_has(tmp_path: Path) -> None:
    far = wkb_of(shapely.box(1e7, 0, 1e7 + 1, 1))
    with pytest.raises(OutsideAreaError) as caught:
        normalise_stream(stream_of(batch(["a"], [far]), batch(["b"], [far], 1)), LAMBERT, path=tmp_path / "out")
    assert caught.value.where.startswith("plots")


def test_records_in_another_reference_are_told_from_bad_ones_at_the_end(tmp_path: Path) -> None:
    # Lambert II étendu of the same town: northings are 4,400 km less
    old = [wkb_of(shapely.box(600_000 + i, 2_428_000, 600_001 + i, 2_428_001)) for i in range(4)]
    made = [batch([f"n{i}" for i in range(4)], [BOX] * 4), batch([f"o{i}" for i in range(4)], old, 4)]
    with pytest.raises(MixedReferencesError, match="4 records in EPSG:2154; 4 look like"):
        normalise_stream(stream_of(*made), LAMBERT, path=tmp_path / "out")
    with pytest.raises(MixedReferencesError, match="4 records in EPSG:2154; 4 look like"):
        normalise(collected(stream_of(*made)), LAMBERT)


def test_columns_that_are_missing_or_change_are_named(tmp_path: Path) -> None:
    whole = batch(["a"], [BOX])
    lacking = NativeBatch(table=whole.table.drop_columns(["height_m"]), first_record=0)
    with pytest.raises(SchemaError, match="height_m"):
        normalise_stream(stream_of(lacking), LAMBERT, path=tmp_path / "out")


def test_elevations_need_a_vertical_reference(tmp_path: Path) -> None:
    schema = LayerSchema(
        name="plots",
        title="Plots",
        key="plot_id",
        shape="polygon",
        columns=(SCHEMA.columns[0], Column("ground_elevation_m", "number", "Ground.")),
    )
    table = pa.RecordBatch.from_arrays(
        [pa.array(["a", "b"]), pa.array([12.5, None]), pa.array([BOX, BOX], pa.binary())],
        ["plot_id", "ground_elevation_m", "geometry"],
    )
    made = NativeBatch(table=table, first_record=0)
    with pytest.raises(MissingHeightReferenceError):
        normalise_stream(stream_of(made, schema=schema), LAMBERT, path=tmp_path / "out")
    twin = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
    stream = stream_of(made, schema=schema, reference=twin)
    streamed = normalise_stream(stream, twin, path=tmp_path / "out")
    layer = normalise(collected(stream), twin)
    assert (streamed.reference, streamed.provenance) == (layer.reference, layer.provenance)
    assert read_layer_parquet(tmp_path / "out")["ground_elevation_m"].tolist()[0] == 12.5
