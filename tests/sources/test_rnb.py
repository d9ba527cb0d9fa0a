from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.base_layers.streams import collected, normalise_stream
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transform_geometries, transformation
from jnt_pipeline.errors import EmptySourceError, JntError, SourceError, UnreadableError, UnsupportedError
from jnt_pipeline.sources import rnb_tables
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.rnb import RnbSource, read_rnb
from jnt_pipeline.sources.vector_files import open_features
from register_files import RNB_COLUMNS, RNB_ROWS, write_table
from source_files import OWNER, feature, square, write_collection

LAMBERT = Reference(horizontal="EPSG:2154")


def layer_of(path: Path) -> Layer:
    return collected(read_rnb(path, RnbSource.model_validate({"path": path, **OWNER})))


def page(path: Path, *results: Any, **members: Any) -> Path:
    path.write_text(json.dumps({"next": None, "results": list(results), **members}))
    return path


def test_a_bulk_file_gives_buildings_with_the_ids_that_it_states(tmp_path: Path) -> None:
    layer = layer_of(write_table(tmp_path / "RNB_09.csv", RNB_COLUMNS, *RNB_ROWS))
    first, second = (layer.frame.iloc[i] for i in (0, 1))
    assert (first["rnb_id"], first["status"]) == ("WHN8D9K38QNG", "constructed")
    assert first["address_ids"] == "09140_0025_00013"
    assert (first["topo_building_ids"], first["bdnb_ids"]) == ("BATIMENT0000002202818378", "bdnb-bc-PEZ4-CYLL-TJZ4")
    assert first["parcel_ids"] == "091400000C1069|091400000C1030"
    assert first["geometry"].geom_type == "Polygon"
    # without an outline a building has its point
    assert second["geometry"].equals(shapely.Point(1.488, 43.197))
    assert str(layer.reference) == "EPSG:4326"
    assert "validated_by" not in layer.frame


def test_columns_are_found_by_name_and_some_may_lack(tmp_path: Path) -> None:
    layer = layer_of(write_table(tmp_path / "a.csv", "status;shape;rnb_id", "demolished;POINT(1 43);ZQP5VP4WN6BX"))
    assert layer.frame[["rnb_id", "status"]].iloc[0].tolist() == ["ZQP5VP4WN6BX", "demolished"]
    assert layer.frame["is_active"].isna().all()


def test_packed_files_give_the_same_buildings(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "RNB_09.csv", RNB_COLUMNS, *RNB_ROWS)
    packed, archive = tmp_path / "b.csv.gz", tmp_path / "c.csv.zip"
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(plain, "RNB_09.csv")
    expected = layer_of(plain).frame
    for path in (packed, archive):
        assert layer_of(path).frame.equals(expected)
        assert check_file(path).kind == "rnb"


def test_an_archive_that_is_cut_is_unreadable(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "RNB_09.csv", RNB_COLUMNS, *RNB_ROWS * 50)
    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(plain.read_bytes(), mtime=0)[:-12])
    with pytest.raises(UnreadableError, match=r"b\.csv\.gz"):
        layer_of(path)


def test_batches_follow_one_another_whatever_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alphabet = "123456789ABCDEFGHJKMNPQRSTVWXYZ"
    rows = [f"ZQP5VP4WN6{alphabet[i // 31]}{alphabet[i % 31]};POINT({1 + i / 1000} 43);;;;;;" for i in range(50)]
    rows.insert(20, "1;2")
    path = write_table(tmp_path / "a.csv", RNB_COLUMNS, *rows)
    whole = layer_of(path)
    monkeypatch.setattr(rnb_tables, "_ROWS", 7)
    parts = layer_of(path)
    assert whole.counts.read == 51
    assert whole.frame["rnb_id"].equals(parts.frame["rnb_id"])
    assert parts.rejected["record"].tolist() == whole.rejected["record"].tolist() == ["row 22"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("NTXFHPYC6CRC;nowhere;;constructed;[];;;[]", "bad_coordinates"),
        ('NTXFHPYC6CRC;;"SRID=2154;POINT(1 2)";constructed;[];;;[]', "bad_coordinates"),
        ("NTXFHPYC6CRC;POINT(1 43);;constructed;{oops;;;[]", "bad_ext_ids"),
        ("NTXFHPYC6CRC;POINT(1 43);;constructed;[];3;;[]", "bad_addresses"),
        ("NTXFHPYC6CRC;POINT(1 43);;constructed;[];[];x;[]", "bad_plots"),
        ("NTXFHPYC6CRC;POINT(1 43)", "broken_row"),
    ],
)
def test_what_cannot_be_read_is_set_aside_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = write_table(tmp_path / "a.csv", RNB_COLUMNS, RNB_ROWS[1], row)
    layer = layer_of(path)
    assert (layer.counts.read, layer.counts.kept, layer.counts.rejected) == (2, 1, {reason: 1})


def test_ids_outside_the_alphabet_are_set_aside_when_normalised(tmp_path: Path) -> None:
    rows = [RNB_ROWS[0], RNB_ROWS[1].replace("ZQP5VP4WN6BX", "ZQP5VP4WN6BO")]
    layer = normalise(layer_of(write_table(tmp_path / "a.csv", RNB_COLUMNS, *rows)), LAMBERT)
    assert (layer.counts.kept, layer.counts.rejected) == (1, {"bad_rnb_id": 1})


def test_an_answer_of_the_api_keeps_inactive_buildings(tmp_path: Path) -> None:
    inactive = {
        "rnb_id": "zqp5-vp4w-n6bx",
        "status": "demolished",
        "is_active": False,
        "point": {"type": "Point", "coordinates": [1.4, 43.1]},
        "shape": None,
        "addresses": [{"id": "09124_a025_00010", "ban_id": None}],
        "ext_ids": None,
        "plots": ["09124000ZI0097"],
    }
    path = page(tmp_path / "page.json", inactive, 3, next="https://rnb.example/?cursor=x")
    layer = layer_of(path)
    row = layer.frame.iloc[0]
    assert (row["rnb_id"], bool(row["is_active"]), row["address_ids"]) == ("ZQP5VP4WN6BX", False, "09124_a025_00010")
    assert row["parcel_ids"] == "09124000ZI0097"
    assert layer.counts.rejected == {"unreadable_feature": 1}
    assert layer.provenance.notes == ("the answer announces a further page",)
    report = check_file(path)
    assert (report.kind, report.facts["n_inactive"]) == ("rnb", 1)


def test_features_with_a_broken_ring_are_set_aside(tmp_path: Path) -> None:
    broken = {"type": "Polygon", "coordinates": [[[1.0, 43.0], [1.1, 43.0], [1.0, 43.0]]]}
    path = write_collection(
        tmp_path / "a.geojson",
        feature(square(1.0, 43.0), rnb_id="ZQP5VP4WN6BX"),
        feature(broken, rnb_id="ZQP5VP4WN6BY"),
    )
    layer = layer_of(path)
    assert layer.counts.rejected == {"broken_ring": 1}
    assert layer.rejected["record"].tolist() == ["ZQP5VP4WN6BY"]


@pytest.mark.shared
def test_the_light_buildings_meet_the_register_as_often_as_is_known(shared: Path) -> None:
    folder = shared / "data/base_layers/buildings_addresses"
    layer = layer_of(folder / "sample_rnb.geojson")
    assert (layer.counts.read, layer.counts.kept) == (11, 11)
    assert layer.reference is not None
    outlines = transform_geometries(np.asarray(layer.frame.geometry), transformation(layer.reference, LAMBERT))
    (batch,) = open_features(folder / "sample_bdtopo.shp").batches()
    buildings = shapely.from_wkb(np.asarray(batch["geometry"].to_pylist(), dtype=object))
    met = [int(shapely.intersects(one, outlines).sum()) for one in buildings]
    assert met == [1, 3, 6, 1, 2]
    report = check_file(folder / "sample_rnb.geojson")
    assert (report.kind, report.facts["n_records"]) == ("rnb", 11)
    assert report.codes == ("bad_rnb_id",)  # its ids are 1 to 11


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.csv", "rnb;point\n1;2\n", SourceError),
        ("a.csv", 'rnb_id;point;shape\n"x;1;2\n', UnreadableError),
        ("a.json", '{"results": []}', EmptySourceError),
        ("a.json", '{"results": [{"tree": 1}]}', UnsupportedError),
        ("a.json", "[", UnreadableError),
    ],
)
def test_files_that_cannot_be_used_are_refused_by_name(
    tmp_path: Path, name: str, content: str, error: type[JntError]
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(error, match=name):
        layer_of(path)


@pytest.mark.shared
def test_console_text_before_the_json_is_refused(shared: Path) -> None:
    path = shared / "data/base_layers/bad/ads_and_operation.json"
    with pytest.raises(UnreadableError, match=r"(?s)ads_and_operation\.json.*no text may stand before"):
        layer_of(path)
    assert check_file(path).verdict == "unreadable"


def test_the_streamed_layer_is_that_of_the_whole_one(tmp_path: Path) -> None:
    rows = (*RNB_ROWS, RNB_ROWS[0], RNB_ROWS[1].replace("ZQP5VP4WN6BX", "ZQP5VP4WN6BO"), "1;2")
    path = write_table(tmp_path / "RNB_09.csv", RNB_COLUMNS, *rows)
    stream = read_rnb(path, RnbSource.model_validate({"path": path, **OWNER}))
    whole = normalise(collected(stream), LAMBERT)
    streamed = normalise_stream(stream, LAMBERT, path=tmp_path / "rnb.parquet")
    assert streamed.counts == whole.counts
    assert streamed.counts.rejected == {"bad_rnb_id": 1, "broken_row": 1, "duplicate_id": 1}
    written = gpd.read_parquet(tmp_path / "rnb.parquet").sort_values("rnb_id", ignore_index=True)
    assert written["rnb_id"].tolist() == whole.frame["rnb_id"].tolist()
    assert written.geometry.geom_equals_exact(whole.frame.geometry, tolerance=1e-3).all()


def test_the_frame_is_in_degrees(tmp_path: Path) -> None:
    frame = layer_of(write_table(tmp_path / "a.csv", RNB_COLUMNS, *RNB_ROWS)).frame
    assert isinstance(frame, gpd.GeoDataFrame)
    assert frame.crs == "EPSG:4326"
