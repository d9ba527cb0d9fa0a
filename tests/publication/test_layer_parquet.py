"""Layers on disk: every frame comes back as it was, and twice gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from geopandas.testing import assert_geodataframe_equal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from builders import X0, Y0
from jnt_pipeline.base_layers.parquet import layer_bounds, read_layer_metadata, read_layer_parquet, write_layer_parquet
from jnt_pipeline.errors import MissingCrsError, SchemaError, UnreadableError

MOMENTS = pd.to_datetime(["2024-01-31T23:59:59.123456Z", None, "1999-12-31T00:00:00.5Z"], utc=True)


def every_kind() -> pd.DataFrame:
    """One column per kind of ``base_layers.schema``, each with an absent value where the kind allows it."""
    return pd.DataFrame(
        {
            "text": pd.Series(["01", None, "2A004 « é »"], dtype="str"),
            "integer": pd.Series([2**53 + 1, None, -3], dtype="Int64"),
            "number": [0.1, np.nan, -1e300],
            "boolean": pd.Series([True, None, False], dtype="boolean"),
            "instant": pd.Series(MOMENTS).astype("datetime64[us, UTC]"),
            "integers": [[1, 2], [], [66]],
        }
    )


@pytest.mark.parametrize("rows", [3, 1, 0])
@pytest.mark.parametrize("crs", ["EPSG:2154", None])
def test_every_kind_of_column_comes_back_with_its_type(rows: int, crs: str | None, tmp_path: Path) -> None:
    frame = every_kind().iloc[:rows]
    if crs is not None:
        shapes = [box(0, 0, 1, 1), Point(3, 4), None][:rows]
        frame = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, index=frame.index, crs=crs))
    write_layer_parquet(frame, tmp_path / "layer.parquet")
    again = read_layer_parquet(tmp_path / "layer.parquet")
    assert type(again) is type(frame)
    assert again.dtypes.astype(str).to_dict() == frame.dtypes.astype(str).to_dict()
    assert [list(values) for values in again.pop("integers")] == [list(v) for v in frame["integers"]]
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(frame.drop(columns="integers")))


SHAPES = [
    Point(1, 2),
    Point(1, 2, 3),
    Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (2, 1), (2, 2), (1, 2)]]),
    MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3)]),
    LineString([(0, 0), (1, 1)]),
    Polygon(),
    None,
]


def test_geometries_of_all_sorts_come_back_and_their_types_are_stated(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"n": range(len(SHAPES))}, geometry=SHAPES, crs="EPSG:9794")
    write_layer_parquet(frame, tmp_path / "shapes.parquet")
    again = read_layer_parquet(tmp_path / "shapes.parquet")
    assert_geodataframe_equal(again, frame)
    column = json.loads(read_layer_metadata(tmp_path / "shapes.parquet")["geo"])["columns"]["geometry"]
    assert column["geometry_types"] == ["LineString", "MultiPolygon", "Point", "Point Z", "Polygon"]
    assert column["bbox"] == [0, 0, 4, 4]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 9794}


def test_a_layer_of_geometries_alone_keeps_its_records(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(geometry=[Point(1, 2), None], crs="EPSG:2154")
    write_layer_parquet(frame, tmp_path / "bare.parquet")
    assert_geodataframe_equal(read_layer_parquet(tmp_path / "bare.parquet"), frame)


def test_no_index_is_written(tmp_path: Path) -> None:
    frame = every_kind().set_index(pd.Index([7, 3, 9]))
    write_layer_parquet(frame, tmp_path / "layer.parquet")
    assert pq.read_schema(tmp_path / "layer.parquet").names == list(every_kind().columns)
    assert list(read_layer_parquet(tmp_path / "layer.parquet").index) == [0, 1, 2]


def test_an_empty_column_of_lists_has_the_type_of_a_full_one(tmp_path: Path) -> None:
    types = []
    for rows in (3, 0):
        write_layer_parquet(every_kind()[["integers"]].iloc[:rows], tmp_path / "lists.parquet")
        types.append(str(pq.read_schema(tmp_path / "lists.parquet").field("integers").type))
    assert types == ["list<element: int64>"] * 2


def test_further_metadata_is_read_without_the_records(tmp_path: Path) -> None:
    write_layer_parquet(every_kind(), tmp_path / "layer.parquet", metadata={"jnt": '{"vertical": "EPSG:5720"}'})
    assert read_layer_metadata(tmp_path / "layer.parquet") == {"jnt": '{"vertical": "EPSG:5720"}'}


def test_the_order_of_metadata_does_not_change_the_bytes(tmp_path: Path) -> None:
    for name, metadata in (("a", {"x": "1", "y": "2"}), ("b", {"y": "2", "x": "1"})):
        write_layer_parquet(every_kind(), tmp_path / name, metadata=metadata)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_row_groups_hold_ten_thousand_records_and_a_box_skips_the_others(tmp_path: Path) -> None:
    n = 25_000
    frame = gpd.GeoDataFrame(
        {"n": range(n)}, geometry=gpd.points_from_xy(X0 + np.arange(n), np.full(n, Y0)), crs="EPSG:2154"
    )
    write_layer_parquet(frame, tmp_path / "many.parquet")
    metadata = pq.read_metadata(tmp_path / "many.parquet")
    assert [metadata.row_group(i).num_rows for i in range(3)] == [10_000, 10_000, 5_000]
    found = read_layer_parquet(tmp_path / "many.parquet", bbox=(X0 + 19_998, Y0 - 1, X0 + 20_001, Y0 + 1))
    assert found["n"].tolist() == [19_998, 19_999, 20_000, 20_001]


def test_features_without_crs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingCrsError, match=r"layer\.parquet"):
        write_layer_parquet(gpd.GeoDataFrame(geometry=[Point(0, 0)]), tmp_path / "layer.parquet")


def test_a_column_of_mixed_types_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="column odd"):
        write_layer_parquet(pd.DataFrame({"odd": [1, "a"]}), tmp_path / "layer.parquet")


def test_a_column_named_as_the_covering_is_refused(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"bbox": [1]}, geometry=[Point(0, 0)], crs="EPSG:2154")
    with pytest.raises(SchemaError, match="bbox"):
        write_layer_parquet(frame, tmp_path / "layer.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all, but long enough to hold a footer"])
def test_a_damaged_file_is_a_named_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"bad\.parquet"):
        read_layer_parquet(tmp_path / "bad.parquet")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(max_size=8).filter(lambda text: text.isprintable()) | st.none(),
            st.integers(-(2**63), 2**63 - 1) | st.none(),
            st.floats(allow_nan=False) | st.none(),
            st.floats(-1e7, 1e7),
        ),
        max_size=6,
    )
)
def test_any_values_come_back_and_twice_gives_the_same_bytes(tmp_path: Path, rows: list[tuple]) -> None:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    frame = gpd.GeoDataFrame(
        {
            "text": pd.Series(columns[0], dtype="str"),
            "integer": pd.Series(columns[1], dtype="Int64"),
            "number": pd.Series(columns[2], dtype="float64"),
        },
        geometry=gpd.GeoSeries([Point(x, -x) for x in columns[3]], crs="EPSG:2154"),
    )
    write_layer_parquet(frame, tmp_path / "a.parquet")
    write_layer_parquet(read_layer_parquet(tmp_path / "a.parquet"), tmp_path / "b.parquet")
    assert_geodataframe_equal(read_layer_parquet(tmp_path / "a.parquet"), frame)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_box_of_a_file_is_known_without_its_records(tmp_path: Path) -> None:
    points = gpd.GeoDataFrame({"a": [1, 2, 3]}, geometry=[Point(3, 9), None, Point(-1, 4)], crs="EPSG:2154")
    write_layer_parquet(points, tmp_path / "some.parquet")
    write_layer_parquet(points[:0], tmp_path / "none.parquet")
    write_layer_parquet(pd.DataFrame(points[["a"]]), tmp_path / "table.parquet")
    assert layer_bounds(tmp_path / "some.parquet") == (-1, 4, 3, 9)
    assert layer_bounds(tmp_path / "none.parquet") is None
    assert layer_bounds(tmp_path / "table.parquet") is None
