from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest

from jnt_pipeline.base_layers import point_files
from jnt_pipeline.base_layers.point_files import rewrite_point_file
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import CrsError, OutsideAreaError, UnreadableError
from jnt_pipeline.sources.las_header import read_las_promise
from jnt_pipeline.sources.las_points import read_las_header, read_points, summarise_tile
from jnt_pipeline.sources.las_reference import resolve_reference, stated_crs
from source_files import NORTH, WEST, points_on_grid, write_tile

TWIN = Reference.model_validate("EPSG:2154+5720")


class Shift:
    """A transformation with a known answer."""

    def __init__(self, *by: float):
        self.by = np.array(by)

    def apply(self, coordinates: Any) -> Any:
        return coordinates + self.by


class Refusal:
    def apply(self, coordinates: Any) -> Any:
        raise OutsideAreaError("a point lies outside", where="EPSG:2154 to EPSG:4326", found=str(coordinates[0]))


@pytest.fixture
def tile(tmp_path: Path) -> Path:
    extra = {"dtm_marker": np.arange(100, dtype=np.uint8), "deviation": np.linspace(0, 1, 100, dtype=np.float32)}
    times = 384_934_102.0 + np.arange(100)
    return write_tile(
        tmp_path / "source_IGN69.laz", points_on_grid(), np.arange(100) % 4 + 1, gps_time=times, extra=extra,
        withheld=np.arange(100) == 5,
    )  # fmt: skip


def test_points_move_and_every_other_dimension_stays(tile: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "tile.laz"
    target.parent.mkdir()
    assert rewrite_point_file(tile, target, Shift(100_000.0, -50_000.0, -2.5), TWIN) == 100
    before, after = laspy.read(tile), laspy.read(target)
    # half a step of 0.01 m
    moved = np.asarray(before.xyz) + np.array([100_000.0, -50_000.0, -2.5])
    assert np.abs(np.asarray(after.xyz) - moved).max() <= 0.005 + 1e-9
    assert list(after.point_format.dimension_names) == list(before.point_format.dimension_names)
    for name in before.point_format.dimension_names:
        if name not in {"X", "Y", "Z"}:
            assert np.array_equal(np.asarray(after[name]), np.asarray(before[name])), name


def test_the_new_file_states_the_reference_of_the_twin_and_nothing_of_the_old_one(tile: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.laz"
    rewrite_point_file(tile, target, Shift(0, 0, 0), Reference.model_validate("EPSG:2975+5758"))
    header = read_las_header(target, read_las_promise(target))
    reference, notes = resolve_reference(stated_crs(header), "t.laz")
    assert (reference, notes) == (Reference.model_validate("EPSG:2975+5758"), ())
    assert header.global_encoding.wkt
    assert header.creation_date == dt.date(2024, 5, 17)


def test_the_same_input_gives_the_same_bytes_whatever_the_chunks(
    tile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (tmp_path / f"{i}.laz" for i in range(3))
    rewrite_point_file(tile, first, Shift(1, 2, 3), TWIN)
    rewrite_point_file(tile, second, Shift(1, 2, 3), TWIN)
    assert first.read_bytes() == second.read_bytes()
    monkeypatch.setattr(point_files, "CHUNK_POINTS", 7)
    rewrite_point_file(tile, third, Shift(1, 2, 3), TWIN)
    assert np.array_equal(laspy.read(third).points.array, laspy.read(first).points.array)


def test_a_plain_las_of_version_1_2_becomes_laz_1_4(tmp_path: Path) -> None:
    keys = {1024: 1, 3072: 3946}
    source = write_tile(tmp_path / "a.las", points_on_grid(), 6, wkt=None, keys=keys, point_format=3, version="1.2")
    target = tmp_path / "b.laz"
    rewrite_point_file(source, target, Shift(0, 0, 1), TWIN)
    promise = read_las_promise(target)
    assert (promise.version, promise.is_compressed, promise.point_format) == ("1.4", True, 3)
    assert summarise_tile(target).class_counts == {6: 100}


def test_degrees_keep_a_millimetre(tmp_path: Path) -> None:
    source = write_tile(tmp_path / "a.laz", points_on_grid(), 2)

    class Degrees:
        def apply(self, coordinates: Any) -> Any:
            return np.column_stack(
                (2 + (coordinates[:, 0] - WEST) * 1e-5, 48 + (coordinates[:, 1] - NORTH) * 1e-5, coordinates[:, 2])
            )

    target = tmp_path / "b.laz"
    rewrite_point_file(source, target, Degrees(), Reference.model_validate("EPSG:4326+5720"))
    block = read_points(target, reference=TWIN)
    expected = Degrees().apply(points_on_grid())
    assert np.abs(block.xyz[:, :2] - expected[:, :2]).max() <= 0.5e-8 + 1e-12


def test_a_cut_source_raises_and_a_refused_point_too(tile: Path, tmp_path: Path) -> None:
    with pytest.raises(OutsideAreaError) as caught:
        rewrite_point_file(tile, tmp_path / "a.laz", Refusal(), TWIN)
    assert caught.value.where == f"{tile.name}, EPSG:2154 to EPSG:4326"
    cut = tmp_path / "cut.laz"
    cut.write_bytes(tile.read_bytes()[:-40])
    with pytest.raises(UnreadableError, match=r"cut\.laz"):
        rewrite_point_file(cut, tmp_path / "b.laz", Shift(0, 0, 0), TWIN)


def test_points_too_far_apart_for_32_bits_are_an_error(tile: Path, tmp_path: Path) -> None:
    class Torn:
        def apply(self, coordinates: Any) -> Any:
            return coordinates * np.array([1e6, 1.0, 1.0])

    with pytest.raises(CrsError, match="too far apart"):
        rewrite_point_file(tile, tmp_path / "a.laz", Torn(), TWIN)


def test_an_empty_tile_stays_empty(tmp_path: Path) -> None:
    source = write_tile(tmp_path / "a.laz", np.empty((0, 3)), 2)
    assert rewrite_point_file(source, tmp_path / "b.laz", Shift(0, 0, 0), TWIN) == 0
    assert summarise_tile(tmp_path / "b.laz").n_points == 0


def test_a_target_that_cannot_be_written_is_no_damage_of_the_source(tile: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rewrite_point_file(tile, tmp_path / "nowhere" / "b.laz", Shift(0, 0, 0), TWIN)


@pytest.mark.shared
@pytest.mark.parametrize(
    "file",
    [
        "bad/test_pdalfail_0643_6319_LA93_IGN69.laz",  # undocumented extra bytes, three records that describe them
        "bad/test_data_77050_627755_LA93_IGN69.copc.laz",
        "format_variants/extrabytes.las",
        "format_variants/1_4_w_evlr.laz",
        "montpellier_50m/points/test_data_77050_627760_LA93_IGN69.laz",
    ],
)
def test_real_files_keep_all_their_dimensions(shared: Path, tmp_path: Path, file: str) -> None:
    source, target = shared / "data/lidar" / file, tmp_path / "t.laz"
    rewrite_point_file(source, target, Shift(10, 20, 30), TWIN)
    before, after = laspy.read(source), laspy.read(target)
    assert len(before) == len(after)
    for name in before.point_format.dimension_names:
        if name not in {"X", "Y", "Z"}:
            assert np.array_equal(np.asarray(after[name]), np.asarray(before[name]), equal_nan=True), name
    assert np.abs(np.asarray(after.xyz) - np.asarray(before.xyz) - (10, 20, 30)).max() <= 0.005 + 1e-9
