"""GeoParquet: the layers in spatial order, with all that they say of themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely.geometry import Point, Polygon

from builders import BUILDINGS, X0, Y0, tiny_territory
from jnt_pipeline.base_layers.parquet import read_layer_metadata, read_layer_parquet, write_layer_parquet
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ExportError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.publication.geoparquet import in_spatial_order, write_geoparquet
from jnt_pipeline.territory.model import Territory


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    return tiny_territory(tmp_path_factory.mktemp("twin"))


@pytest.fixture(scope="module")
def folder(twin: Territory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("geoparquet")
    write_geoparquet(twin, folder)
    return folder


def test_records_are_those_of_the_twin_in_another_order(twin: Territory, folder: Path) -> None:
    for name, layer in twin.layers.items():
        published = read_layer_parquet(folder / f"{name}.parquet")
        source = layer.to_pandas()
        assert list(published.columns) == list(source.columns)
        assert published.dtypes.astype(str).to_dict() == source.dtypes.astype(str).to_dict()
        first = [name for name in source.columns if name.endswith(("_id", "_code", "_at", "_type"))]
        left, right = (frame.sort_values(first, ignore_index=True) for frame in (published, source))
        if isinstance(source, gpd.GeoDataFrame):
            assert_geodataframe_equal(left, right, check_index_type=False)
        else:
            pd.testing.assert_frame_equal(left, right)


def test_heights_and_undulation_and_origin_are_in_the_file(folder: Path) -> None:
    origin = json.loads(read_layer_metadata(folder / "buildings.parquet")["jnt"])
    assert (origin["horizontal_crs"], origin["vertical_crs"]) == ("EPSG:2154", "EPSG:5720")
    assert origin["declared_undulation"]["accuracy_m"] == 0.2
    assert origin["provenance"]["licence"] == "Licence Ouverte 2.0"
    assert origin["counts"] == {"read": 6, "kept": 6, "rejected": {}}
    parcels = json.loads(read_layer_metadata(folder / "parcels.parquet")["jnt"])
    assert (parcels["horizontal_crs"], parcels["vertical_crs"]) == ("EPSG:2154", None)


def test_records_set_aside_are_published_with_their_reason(folder: Path) -> None:
    rejected = read_layer_parquet(folder / "rejected" / "parcels.parquet")
    assert rejected.to_dict("records") == [{"record": "7", "reason": "missing_parcel_id", "detail": "no id"}]
    assert [path.name for path in (folder / "rejected").iterdir()] == ["parcels.parquet"]


def test_a_reader_with_a_box_gets_the_buildings_of_the_box(folder: Path) -> None:
    near = gpd.read_parquet(folder / "buildings.parquet", bbox=(X0, Y0, X0 + 36, Y0 + 21))
    assert sorted(near["building_id"]) == [BUILDINGS[0][0], BUILDINGS[1][0]]


def points(n_side: int) -> gpd.GeoDataFrame:
    x, y = np.meshgrid(np.arange(n_side) * 10.0, np.arange(n_side) * 10.0)
    order = np.random.default_rng(7).permutation(n_side * n_side)
    ids = pd.Series([f"S{i:06d}" for i in range(n_side * n_side)], dtype="str")
    shapes = [Point(X0 + a, Y0 + b) for a, b in zip(x.ravel(), y.ravel(), strict=True)]
    return gpd.GeoDataFrame({"station_id": ids}, geometry=shapes, crs="EPSG:2154").iloc[order]


def test_row_groups_are_compact_so_that_a_small_box_reads_few_of_them(tmp_path: Path) -> None:
    """40,000 shuffled points on 2 x 2 km, 4 row groups: along the curve each is about a quarter of the area."""
    frame = in_spatial_order(points(200), "station_id")
    groups = [frame.iloc[i : i + 10_000].total_bounds for i in range(0, 40_000, 10_000)]
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in groups]
    assert sum(areas) < 1.1 * 1_990**2


def test_the_order_does_not_depend_on_the_order_of_the_records() -> None:
    shuffled = points(12)
    first = in_spatial_order(shuffled, "station_id")
    again = in_spatial_order(shuffled.iloc[::-1], "station_id")
    assert first["station_id"].tolist() == again["station_id"].tolist()


def test_absent_and_empty_geometries_keep_their_record() -> None:
    shapes = [Point(X0 + 5, Y0 + 5), None, Polygon(), Point(X0, Y0)]
    frame = gpd.GeoDataFrame({"station_id": ["d", "c", "b", "a"]}, geometry=shapes, crs="EPSG:2154")
    ordered = in_spatial_order(frame, "station_id")
    assert sorted(ordered["station_id"]) == ["a", "b", "c", "d"]


def test_all_records_on_one_point_are_in_the_order_of_their_ids() -> None:
    frame = gpd.GeoDataFrame({"station_id": ["b", "a", "c"]}, geometry=[Point(X0, Y0)] * 3, crs="EPSG:2154")
    assert in_spatial_order(frame, "station_id")["station_id"].tolist() == ["a", "b", "c"]


def test_observations_come_by_datastream_and_time(folder: Path) -> None:
    frame = read_layer_parquet(folder / "observations.parquet")
    pairs = list(zip(frame["datastream_id"], frame["phenomenon_at"], strict=True))
    assert pairs == sorted(pairs)
    assert str(frame["phenomenon_at"].dtype) == "datetime64[us, UTC]"


def test_a_layer_whose_files_lost_a_record_is_refused(twin: Territory, tmp_path: Path) -> None:
    parcels = replace(twin.layer("parcels"), counts=Counts(read=4, kept=4))
    with pytest.raises(ExportError, match="found:    3"):
        write_geoparquet(replace(twin, layers={"parcels": parcels}), tmp_path)


def test_files_are_zstd_with_row_groups_of_ten_thousand(folder: Path) -> None:
    metadata = pq.read_metadata(folder / "buildings.parquet")
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def with_heights(twin: Territory, folder: Path, reference: Reference) -> Territory:
    """The twin's stations with a height in the geometry too."""
    frame = twin.layer("stations").to_geopandas()
    frame["geometry"] = [Point(point.x, point.y, 171.25) for point in frame.geometry]
    frame = frame.set_crs(reference.horizontal, allow_override=True)
    write_layer_parquet(frame, folder / "stations.parquet")
    layer = replace(twin.layer("stations"), reference=reference, parts=(folder / "stations.parquet",))
    return replace(twin, layers={"stations": layer})


@pytest.mark.parametrize(
    ("reference", "components"), [("EPSG:2154+5720", [2154, 5720]), ("EPSG:2975+5758", [2975, 5758])]
)
def test_geometries_with_heights_are_in_the_compound_system(
    twin: Territory, tmp_path: Path, reference: str, components: list[int]
) -> None:
    write_geoparquet(with_heights(twin, tmp_path, Reference.model_validate(reference)), tmp_path)
    crs = json.loads(read_layer_metadata(tmp_path / "stations.parquet")["geo"])["columns"]["geometry"]["crs"]
    assert crs["type"] == "CompoundCRS"
    assert [part["id"]["code"] for part in crs["components"]] == components
    assert gpd.read_parquet(tmp_path / "stations.parquet").geometry.iloc[0].z == 171.25


def test_geometries_without_heights_are_in_the_horizontal_system_and_columns_name_theirs(folder: Path) -> None:
    metadata = read_layer_metadata(folder / "buildings.parquet")
    assert json.loads(metadata["geo"])["columns"]["geometry"]["crs"]["id"] == {"authority": "EPSG", "code": 2154}
    names = ("ground", "roof", "roof_min", "roof_median", "roof_max")
    assert json.loads(metadata["jnt"])["elevation_columns"] == {f"{name}_elevation_m": "EPSG:5720" for name in names}
    assert json.loads(read_layer_metadata(folder / "parcels.parquet")["jnt"])["elevation_columns"] == {}


def test_heights_without_a_vertical_reference_are_refused(twin: Territory, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no vertical reference for them"):
        write_geoparquet(with_heights(twin, tmp_path, Reference(horizontal="EPSG:2154")), tmp_path)
