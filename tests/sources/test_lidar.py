from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import (
    CrsError,
    EmptySourceError,
    MissingCrsError,
    MissingHeightReferenceError,
    MixedReferencesError,
    SourceError,
)
from jnt_pipeline.sources.lidar import LidarSource, named_square, read_points, tile_id_of_name
from source_files import NORTH, OWNER, TILE_NAME, WEST, points_on_grid, write_tile


def source(path: Path, **declared: object) -> LidarSource:
    return LidarSource.model_validate({"path": path, **OWNER, **declared})


def only_tile(path: Path, **declared: object):  # type: ignore[no-untyped-def]
    declaration = source(path, **declared)
    (unit,) = declaration.units(None)
    (layer,) = declaration.read(unit, None)
    return layer


@pytest.mark.parametrize(
    ("name", "tile_id"),
    [
        ("LHD_FXX_0292_6833_PTS_LAMB93_IGN69.copc.laz", "0292_6833"),
        ("LHD_FXX_0292_6833_PTS_C_LAMB93_IGN69.copc.laz", "0292_6833"),
        ("LHD_FXX_0881-6546_PTS_LAMB93_IGN69.copc.laz", "0881_6546"),
        ("Semis_2022_0906_6665_LA93_IGN69.laz", "0906_6665"),
        ("test_semis_2023_0292_6833_LA93_IGN69.laz", "0292_6833"),
        ("LHD_REU_0340_7650_PTS_RGR92UTM40S_REUN89.laz", "0340_7650"),
        ("test_data_77050_627755_LA93_IGN69.LAZ", "test_data_77050_627755_LA93_IGN69"),
        ("survey.las", "survey"),
    ],
)
def test_tile_id_comes_from_the_last_pair_of_kilometres(name: str, tile_id: str) -> None:
    assert tile_id_of_name(name) == tile_id


def test_the_two_numbers_are_the_north_west_corner() -> None:
    assert named_square("LHD_FXX_0292_6833_PTS_LAMB93_IGN69.copc.laz") == (292_000, 6_832_000, 293_000, 6_833_000)
    assert named_square("survey.las") is None


def test_a_tile_is_described_by_one_record(tmp_path: Path) -> None:
    classes = np.where(np.arange(100) < 10, 66, 2)
    times = np.full(100, 384_934_102.0)  # + 1e9 s after 1980-01-06 = 2023-11-25
    write_tile(tmp_path / TILE_NAME, points_on_grid(), classes, gps_time=times)
    layer = only_tile(tmp_path)
    assert layer.reference == Reference.model_validate("EPSG:2154+5720")
    record = layer.frame.iloc[0]
    assert record["tile_id"] == "0650_6862"
    assert record["file_name"] == TILE_NAME
    assert record["sha256"] == layer.provenance.files[0].sha256
    assert record["n_points"] == 100
    assert record["class_codes"] == [2, 66]
    assert record["class_counts"] == [90, 10]
    assert record["density_m2"] == pytest.approx(90 / 810_000)
    assert (record["min_elevation_m"], record["max_elevation_m"]) == (10.0, 109.0)
    assert record["acquired_on"] == "2023-11-25/2023-11-25"
    assert record["geometry"].bounds == (WEST + 50, NORTH - 950, WEST + 950, NORTH - 50)


def test_density_is_per_square_metre_whatever_the_unit_of_the_file(tmp_path: Path) -> None:
    # Oregon GIC Lambert counts in international feet: 0.3048 m
    write_tile(tmp_path / "feet.laz", points_on_grid(), 2, wkt="EPSG:2994")
    layer = only_tile(tmp_path, vertical="EPSG:6360")
    assert layer.frame["density_m2"].iloc[0] == pytest.approx(100 / 810_000 / 0.3048**2)


def test_a_tile_in_degrees_states_no_density(tmp_path: Path) -> None:
    write_tile(tmp_path / "degrees.laz", points_on_grid() / 1e6, 2, wkt="EPSG:4326", scale=1e-6)
    assert only_tile(tmp_path, vertical="EPSG:5720").frame["density_m2"].isna().all()


def test_a_name_that_contradicts_the_points_is_not_believed(tmp_path: Path) -> None:
    write_tile(tmp_path / "LHD_FXX_0700_6862_PTS_LAMB93_IGN69.laz", points_on_grid(), 2)
    assert only_tile(tmp_path).frame["tile_id"].tolist() == ["LHD_FXX_0700_6862_PTS_LAMB93_IGN69"]


@pytest.mark.parametrize(
    ("n", "withheld", "reason"), [(1, False, "no_area"), (10, True, "no_points"), (0, False, "no_points")]
)
def test_a_tile_without_area_is_set_aside_with_its_reason(tmp_path: Path, n: int, withheld: bool, reason: str) -> None:
    xyz = points_on_grid()[:n]
    write_tile(tmp_path / TILE_NAME, xyz, 2, withheld=np.full(n, withheld) if n else None)
    layer = only_tile(tmp_path)
    assert layer.counts.rejected == {reason: 1}
    assert layer.frame.empty
    assert layer.rejected["record"].tolist() == [TILE_NAME]


def test_withheld_points_are_noted(tmp_path: Path) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2, withheld=np.arange(100) < 3)
    layer = only_tile(tmp_path)
    assert layer.frame["n_points"].tolist() == [97]
    assert any("3 withheld points" in note for note in layer.provenance.notes)


# --- reference ---------------------------------------------------------------------------------------------------


def test_vertical_reference_comes_from_the_product_name_and_is_noted(tmp_path: Path) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2)
    notes = only_tile(tmp_path).provenance.notes
    assert notes == ("vertical reference EPSG:5720 taken from the product name",)


def test_a_renamed_tile_has_no_vertical_reference(tmp_path: Path) -> None:
    write_tile(tmp_path / "tile.laz", points_on_grid(), 2)
    with pytest.raises(MissingHeightReferenceError, match=r"tile\.laz"):
        only_tile(tmp_path)


@pytest.mark.parametrize("name", ["NOTIGN69.laz", "IGN690.laz", "IGN69_IGN78.laz"])
def test_only_a_whole_and_single_word_states_the_vertical_reference(tmp_path: Path, name: str) -> None:
    write_tile(tmp_path / name, points_on_grid(), 2)
    with pytest.raises(MissingHeightReferenceError):
        only_tile(tmp_path)


def test_a_declared_vertical_reference_fills_what_the_file_does_not_say(tmp_path: Path) -> None:
    write_tile(tmp_path / "tile.laz", points_on_grid(), 2)
    layer = only_tile(tmp_path, vertical="EPSG:5721")
    assert layer.reference == Reference.model_validate("EPSG:2154+5721")
    assert any("declared by the user" in note for note in layer.provenance.notes)


def test_a_compound_record_wins_over_the_declaration(tmp_path: Path) -> None:
    write_tile(tmp_path / "tile.laz", points_on_grid(), 2, wkt="EPSG:2154+5720")
    assert only_tile(tmp_path).reference == Reference.model_validate("EPSG:2154+5720")


@pytest.mark.parametrize("declared", [{}, {"vertical": "EPSG:5720"}])
def test_two_statements_that_contradict_are_an_error(tmp_path: Path, declared: dict[str, str]) -> None:
    write_tile(tmp_path / TILE_NAME.replace("IGN69", "IGN78"), points_on_grid(), 2, wkt="EPSG:2154+5720")
    with pytest.raises(CrsError, match="IGN78"):
        only_tile(tmp_path, **declared)
    write_tile(tmp_path / TILE_NAME.replace("IGN69", "IGN78"), points_on_grid(), 2)
    with pytest.raises(CrsError, match="EPSG:5721 in the name"):
        only_tile(tmp_path, vertical="EPSG:5720")


def test_an_override_settles_everything_and_is_noted(tmp_path: Path) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2, wkt=None)
    with pytest.raises(MissingCrsError, match="no WKT record"):
        only_tile(tmp_path)
    layer = only_tile(tmp_path, crs="EPSG:5699")  # the compound code of Corsica
    assert layer.reference == Reference.model_validate("EPSG:2154+5721")
    assert any("EPSG:5699 declared by the user" in note for note in layer.provenance.notes)


def test_geotiff_keys_of_las_1_2_are_read(tmp_path: Path) -> None:
    keys = {1024: 1, 3072: 2154, 4096: 5720}
    write_tile(tmp_path / "t.las", points_on_grid(), 2, wkt=None, keys=keys, point_format=1, version="1.2")
    assert only_tile(tmp_path).reference == Reference.model_validate("EPSG:2154+5720")


@pytest.mark.parametrize("keys", [{1025: 1}, {1024: 1, 3072: 32767}, {3072: 65535}, {1024: 3}, {1024: 1, 3072: 5720}])
def test_geotiff_keys_without_a_usable_code_are_no_reference(tmp_path: Path, keys: dict[int, int]) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2, wkt=None, keys=keys, point_format=1, version="1.2")
    with pytest.raises(MissingCrsError):
        only_tile(tmp_path)


def test_wkt_wins_over_keys_that_say_nothing(tmp_path: Path) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2, wkt="EPSG:2154", keys={1024: 1, 3072: 32767})
    assert only_tile(tmp_path).reference.horizontal == "EPSG:2154"


def test_wkt_and_keys_that_agree_are_one_reference(tmp_path: Path) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2, wkt="EPSG:2154+5720", keys={1024: 1, 3072: 2154})
    assert str(only_tile(tmp_path).reference) == "EPSG:2154+5720"


def test_wkt_against_keys_is_a_mixed_file_that_only_a_declaration_opens(tmp_path: Path) -> None:
    write_tile(tmp_path / TILE_NAME, points_on_grid(), 2, wkt="EPSG:2154", keys={1024: 1, 3072: 3946})
    with pytest.raises(MixedReferencesError, match=r"(?s)EPSG:2154 in the WKT.*EPSG:3946 in the GeoTIFF.*declare"):
        only_tile(tmp_path)
    declared = Reference.model_validate("EPSG:2154+5720")
    assert only_tile(tmp_path, crs=declared).reference == declared


# --- units -------------------------------------------------------------------------------------------------------


def test_units_are_the_tiles_in_the_order_of_their_names_subfolders_included(tmp_path: Path) -> None:
    (tmp_path / "lot").mkdir()
    for name in ("LHD_FXX_0651_6862_PTS_LAMB93_IGN69.copc.laz", "lot/LHD_FXX_0650_6862_PTS_LAMB93_IGN69.LAZ", "x.las"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "readme.txt").write_text("")
    assert [unit.name for unit in source(tmp_path).units(None)] == ["0650_6862", "0651_6862", "x"]


def test_two_files_of_one_tile_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in ("LHD_FXX_0650_6862_PTS_LAMB93_IGN69.laz", "Semis_2021_0650_6862_LA93_IGN69.laz"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError, match=r"(?s)Semis_2021.*LHD_FXX|LHD_FXX.*Semis_2021"):
        source(tmp_path).units(None)


def test_an_empty_or_absent_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmptySourceError, match="no LiDAR tile"):
        source(tmp_path).units(None)
    with pytest.raises(SourceError, match="no such file or folder"):
        source(tmp_path / "absent").units(None)


def test_points_of_the_record_are_the_points_that_are_read(tmp_path: Path) -> None:
    path = write_tile(tmp_path / TILE_NAME, points_on_grid(), np.arange(100) % 5, withheld=np.arange(100) % 9 == 0)
    layer = only_tile(tmp_path)
    block = read_points(path, reference=layer.reference)
    codes, counts = np.unique(block.classification, return_counts=True)
    assert layer.frame["class_codes"].iloc[0] == codes.tolist()
    assert layer.frame["class_counts"].iloc[0] == counts.tolist()
