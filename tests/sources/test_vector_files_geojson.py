"""GeoJSON by windows and kernels: what json and shapely read, whatever its layout; damage is told with its position."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jnt_pipeline.errors import UnreadableError, UnsupportedError
from jnt_pipeline.sources.geojson_scan import reader
from jnt_pipeline.sources.vector_compile import compile_vector_kernels
from jnt_pipeline.sources.vector_files import open_features

COLUMNS = pa.schema([("id", pa.string()), ("n", pa.int64())])


def rows_of(path: Path, *, records_at_once: int = 5) -> list[dict[str, Any]]:
    features = open_features(path, columns=COLUMNS)
    return [row for batch in features.batches(records_at_once=records_at_once) for row in batch.to_pylist()]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "places.geojson"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


number = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(-180, 180),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-180, 180).map(lambda value: round(value, 7)),
)
position = st.lists(number, min_size=2, max_size=3)


@st.composite
def rings(draw: st.DrawFn) -> list[list[float]]:
    points = draw(st.lists(position, min_size=3, max_size=6))
    return [*points, points[0]]


polygons = st.lists(rings(), min_size=1, max_size=2)
geometries = st.one_of(
    st.none(),
    polygons.map(lambda rings: {"type": "Polygon", "coordinates": rings}),
    polygons.map(lambda rings: {"coordinates": rings, "type": "Polygon"}),
    st.lists(polygons, min_size=1, max_size=2).map(lambda parts: {"type": "MultiPolygon", "coordinates": parts}),
    position.map(lambda point: {"type": "Point", "coordinates": point[:2]}),
    st.lists(position.map(lambda point: point[:2]), min_size=2, max_size=3).map(
        lambda line: {"type": "MultiLineString", "coordinates": [line]}
    ),
)
texts = st.text(alphabet=st.sampled_from('aé"\\{}[],:\n\t\u2028😀'), max_size=8)


@st.composite
def features(draw: st.DrawFn) -> dict[str, Any]:
    properties = {
        "id": draw(st.none() | texts),
        "n": draw(st.none() | st.integers(-9, 9)),
        "other": [{"a": draw(texts)}],
    }
    members = [
        ("type", "Feature"),
        ("geometry", draw(geometries)),
        ("properties", draw(st.sampled_from([properties, properties, properties, None]))),
    ]
    if draw(st.booleans()):
        members.append(
            draw(st.sampled_from([("id", "x"), ("id", 3), ("bbox", [1, 2, 3, 4]), ("odd", {"geometry": [{}]})]))
        )
    return dict(draw(st.permutations(members)))


def flat(coordinates: Any) -> Any:
    """Positions of two numbers."""
    if not isinstance(coordinates[0], list):
        return [float(one) for one in coordinates[:2]]
    return [flat(part) for part in coordinates]


def expected(feature: dict[str, Any]) -> tuple[str | None, int | None, bytes | None]:
    properties = feature["properties"] or {}
    geometry = feature["geometry"]
    shape = None
    if geometry is not None:
        shape = shapely.geometry.shape({"type": geometry["type"], "coordinates": flat(geometry["coordinates"])})
    return properties.get("id"), properties.get("n"), None if shape is None else shapely.to_wkb(shape)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(features(), max_size=12),
    indent=st.sampled_from([None, 0, 2]),
    is_ascii=st.booleans(),
    window=st.integers(16, 400),
    is_packed=st.booleans(),
)
def test_it_reads_what_json_and_shapely_read(
    tmp_path: Path, made: list[dict[str, Any]], indent: int | None, is_ascii: bool, window: int, is_packed: bool
) -> None:
    document = {"type": "FeatureCollection", "name": '"features":[', "features": made, "after": [1, {"features": []}]}
    content = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode()
    path = written(tmp_path, gzip.compress(content, 1) if is_packed else content)
    before, reader._WINDOW = reader._WINDOW, window
    try:
        rows = rows_of(path)
    finally:
        reader._WINDOW = before
    found = [(row["id"], row["n"], row["geometry"]) for row in rows]
    assert found == [expected(feature) for feature in made]


SQUARE = (
    '{"type":"Feature","properties":{"id":"a","n":1},'
    '"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}'
)


def collection(*features: str) -> str:
    return '{"type":"FeatureCollection","features":[' + ",".join(features) + "]}"


def test_every_prefix_of_a_collection_is_refused(tmp_path: Path) -> None:
    whole = collection(SQUARE, SQUARE)
    for size in range(1, len(whole)):
        with pytest.raises(UnreadableError):
            rows_of(written(tmp_path, whole[:size]))
    assert len(rows_of(written(tmp_path, whole))) == 2


@pytest.mark.parametrize(
    "text",
    [
        collection(SQUARE, SQUARE)[:-1] + ",",
        collection(SQUARE) + "x",
        collection(SQUARE + " " + SQUARE),
        collection(SQUARE, ""),
        collection(SQUARE.replace("[1,0]", "[1,,0]")),
        collection(SQUARE.replace("[1,0]", "[01,0]")),
        collection(SQUARE.replace("[1,0]", "[+1,0]")),
        collection(SQUARE.replace('"n":1', '"n":')),
        collection(SQUARE.replace('"type":"Feature"', '"type" "Feature"')),
        collection(SQUARE.replace('"type":"Feature"', '"type":"Feature","more":{[}]')),
    ],
)
def test_damage_is_told_with_its_position(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        rows_of(written(tmp_path, text))
    assert caught.value.where == "places.geojson"
    assert "position" in caught.value.found or "char" in caught.value.found


def test_numbers_keep_every_bit(tmp_path: Path) -> None:
    hard = [
        "9007199254740993",
        "0.1",
        "2.3501234567890123",
        "1e22",
        "123456789012345678901234567890",
        "4.9e-324",
        "-0.0",
    ]
    corners = ",".join(f"[{one},{one}]" for one in [*hard, hard[0]])
    text = collection(SQUARE.replace("[0,0],[1,0],[1,1],[0,0]", corners))
    (row,) = rows_of(written(tmp_path, text))
    found = shapely.get_coordinates(shapely.from_wkb(row["geometry"]))[:, 0].tolist()
    assert [one.hex() for one in found] == [float(one).hex() for one in [*hard, hard[0]]]


def test_identifiers_stay_text_whatever_they_look_like(tmp_path: Path) -> None:
    text = collection(SQUARE.replace('"a"', '"01004"'), SQUARE.replace('"a"', "1004"), SQUARE.replace('"a"', "null"))
    assert [row["id"] for row in rows_of(written(tmp_path, text))] == ["01004", "1004", None]


def test_a_ring_that_is_not_closed_is_kept_as_it_stands(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path, collection(SQUARE.replace("[1,1],[0,0]", "[1,1],[0,1]"))))
    with pytest.raises(shapely.errors.GEOSException, match="closed"):
        shapely.from_wkb(row["geometry"])


def test_a_geometry_that_is_none_is_no_absent_one(tmp_path: Path) -> None:
    (row,) = rows_of(written(tmp_path, collection(SQUARE.replace("[1,0]", '["a",0]'))))
    assert row["geometry"] == b""


def test_bytes_that_are_no_utf8_are_refused_with_their_position(tmp_path: Path) -> None:
    text = collection(SQUARE).encode().replace(b'"a"', b'"\xe9"')
    with pytest.raises(UnreadableError, match="0xe9 at position"):
        rows_of(written(tmp_path, text))


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert len(rows_of(written(tmp_path, b"\xef\xbb\xbf" + collection(SQUARE).encode()))) == 1


def test_a_crs_is_taken_from_where_it_stands(tmp_path: Path) -> None:
    stated = '"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}'
    before = collection(SQUARE).replace('"features"', f'{stated},"features"')
    reference = open_features(written(tmp_path, before), columns=COLUMNS).reference
    assert reference is not None
    assert reference.horizontal == "EPSG:2154"
    for text in (collection(SQUARE)[:-1] + f",{stated}}}", collection(SQUARE.replace('"type"', f'{stated},"type"', 1))):
        with pytest.raises(UnsupportedError):
            rows_of(written(tmp_path, text))


def test_another_document_is_no_collection(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a GeoJSON feature collection"):
        open_features(written(tmp_path, SQUARE), columns=COLUMNS)


def test_the_kernels_are_compiled_by_one_hut() -> None:
    layer = compile_vector_kernels()
    assert (layer.counts.read, layer.counts.kept) == (1, 1)
