from __future__ import annotations

import contextlib
import itertools
import struct
from pathlib import Path

import laspy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laspy import LasReader

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, UnreadableError, UnsupportedError
from jnt_pipeline.sources import las_points, las_stream
from jnt_pipeline.sources.las_header import read_las_promise
from jnt_pipeline.sources.las_points import read_points, summarise_tile
from jnt_pipeline.sources.las_stream import stream_points
from source_files import NORTH, WEST, points_on_grid, write_tile

LAMBERT = Reference.model_validate("EPSG:2154+5720")


@pytest.fixture
def tile(tmp_path: Path) -> Path:
    classes = np.arange(100) % 4 + 1  # 25 points of each of the classes 1, 2, 3, 4
    return write_tile(tmp_path / "tile.laz", points_on_grid(), classes)


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize(("point_format", "version"), [(1, "1.2"), (3, "1.2"), (6, "1.4"), (8, "1.4")])
def test_points_come_back_in_the_order_of_the_file(
    tmp_path: Path, suffix: str, point_format: int, version: str
) -> None:
    xyz = points_on_grid()
    path = write_tile(tmp_path / f"t{suffix}", xyz, 6, wkt=None, point_format=point_format, version=version)
    block = read_points(path, reference=LAMBERT)
    # the written decimals exactly: 0.01 is divided out, not multiplied in
    assert np.array_equal(block.xyz, xyz)
    assert block.classification.tolist() == [6] * 100
    assert block.reference == LAMBERT


def test_bounds_keep_west_and_south_and_leave_out_east_and_north(tile: Path) -> None:
    # points stand at 50, 150, 250… from the corner: the box from 150 to 250 holds its own edge point only
    bounds = (WEST + 150, NORTH - 250, WEST + 250, NORTH - 150)
    block = read_points(tile, reference=LAMBERT, bounds=bounds)
    assert block.xyz[:, :2].tolist() == [[WEST + 150, NORTH - 250]]


def test_a_partition_of_the_tile_loses_and_repeats_no_point(tile: Path) -> None:
    edges = [0.0, 150.0, 150.01, 500.0, 950.0, 1000.0]
    parts = [
        read_points(tile, reference=LAMBERT, bounds=(WEST + w, NORTH - 1000 + s, WEST + e, NORTH - 1000 + n))
        for w, e in itertools.pairwise(edges)
        for s, n in itertools.pairwise(edges)
    ]
    elevations = np.concatenate([part.xyz[:, 2] for part in parts])
    assert sorted(elevations) == [10.0 + i for i in range(100)]


def test_bounds_beside_the_tile_give_no_point(tile: Path) -> None:
    block = read_points(tile, reference=LAMBERT, bounds=(WEST - 100, NORTH, WEST, NORTH + 100))
    assert block.xyz.shape == (0, 3)


def test_classes_are_kept_and_excluded(tile: Path) -> None:
    assert len(read_points(tile, reference=LAMBERT, classes=(2, 3))) == 50
    assert len(read_points(tile, reference=LAMBERT, exclude_classes=(4,))) == 75
    assert set(read_points(tile, reference=LAMBERT, classes=(2, 3), exclude_classes=(3,)).classification) == {2}


@pytest.mark.parametrize(("point_format", "version"), [(1, "1.2"), (6, "1.4")])
def test_withheld_points_are_left_out_and_counted(tmp_path: Path, point_format: int, version: str) -> None:
    withheld = np.arange(100) < 7
    path = write_tile(
        tmp_path / "t.laz", points_on_grid(), 2, wkt=None, point_format=point_format, version=version, withheld=withheld
    )
    assert read_points(path, reference=LAMBERT).xyz[:, 2].min() == 17.0
    summary = summarise_tile(path)
    assert (summary.n_points, summary.n_withheld, summary.class_counts) == (93, 7, {2: 93})


def test_chunks_do_not_show_in_the_result(tile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, summary = read_points(tile, reference=LAMBERT), summarise_tile(tile)
    monkeypatch.setattr(las_points, "CHUNK_POINTS", 7)
    assert np.array_equal(read_points(tile, reference=LAMBERT).xyz, whole.xyz)
    assert summarise_tile(tile) == summary


def test_summary_counts_by_class_and_measures_the_box_without_virtual_points(tmp_path: Path) -> None:
    classes = np.where(np.arange(100) < 10, 66, 2)
    summary = summarise_tile(write_tile(tmp_path / "t.laz", points_on_grid(), classes))
    assert summary.class_counts == {2: 90, 66: 10}
    assert summary.mins == (WEST + 50, NORTH - 950, 10.0)
    assert summary.maxs == (WEST + 950, NORTH - 50, 109.0)
    assert summary.density == pytest.approx(90 / (900 * 900))


def test_flight_times_leave_out_virtual_points_and_zeros(tmp_path: Path) -> None:
    times = np.full(100, 384_900_000.0)
    times[0], times[1], times[99] = 0.0, 1.0, 384_934_000.0
    classes = np.full(100, 2)
    classes[1] = 66
    summary = summarise_tile(write_tile(tmp_path / "t.laz", points_on_grid(), classes, gps_time=times))
    assert summary.gps_span == (384_900_000.0, 384_934_000.0)


def test_an_empty_tile_has_no_box(tmp_path: Path) -> None:
    path = write_tile(tmp_path / "t.laz", np.empty((0, 3)), 2)
    assert len(read_points(path, reference=LAMBERT)) == 0
    summary = summarise_tile(path)
    assert (summary.n_points, summary.mins, summary.density) == (0, None, None)


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9, 0.999])
def test_a_cut_file_raises_with_its_name_and_what_it_promised(tmp_path: Path, suffix: str, share: float) -> None:
    whole = write_tile(tmp_path / f"whole{suffix}", points_on_grid(40), 2).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnreadableError, match=f"cut{suffix}"):
        read_points(cut, reference=LAMBERT)
    with pytest.raises(UnreadableError):
        summarise_tile(cut)


def test_a_cut_las_says_how_many_points_can_be_read(tmp_path: Path) -> None:
    path = write_tile(tmp_path / "t.las", points_on_grid(), 2)
    promise = read_las_promise(path)
    path.write_bytes(path.read_bytes()[: promise.offset_to_points + 42 * promise.record_length + 3])
    assert read_las_promise(path).n_readable == 42
    with pytest.raises(UnreadableError, match="42 of 100 promised points"):
        read_points(path, reference=LAMBERT)


def test_points_outside_the_box_of_the_header_are_damage(tmp_path: Path) -> None:
    path = write_tile(tmp_path / "t.las", points_on_grid(), 2)
    content = bytearray(path.read_bytes())
    promise = read_las_promise(path)
    x = promise.offset_to_points + 3 * promise.record_length  # X of the fourth point
    content[x : x + 4] = struct.pack("<i", 1)
    path.write_bytes(bytes(content))
    with pytest.raises(UnreadableError, match=r"x from 0\.01 .* where the header states"):
        read_points(path, reference=LAMBERT)


def test_a_header_that_was_never_finished_is_named_so(tmp_path: Path) -> None:
    content = bytearray(write_tile(tmp_path / "t.laz", points_on_grid(), 2).read_bytes())
    content[94:104] = bytes(10)  # header size, offset to points, number of records: zeros until a writer closes
    path = tmp_path / "unfinished.laz"
    path.write_bytes(bytes(content))
    with pytest.raises(UnreadableError, match="never finished"):
        read_points(path, reference=LAMBERT)


def test_something_else_than_las_and_a_later_version_are_refused_by_name(tmp_path: Path) -> None:
    other = tmp_path / "other.laz"
    other.write_bytes(b"PK\x03\x04 not a point cloud")
    with pytest.raises(UnreadableError, match="not a LAS"):
        read_points(other, reference=LAMBERT)
    content = bytearray(write_tile(tmp_path / "t.las", points_on_grid(), 2).read_bytes())
    content[25] = 5
    other.write_bytes(bytes(content))
    with pytest.raises(UnsupportedError, match=r"LAS 1\.5"):
        read_points(other, reference=LAMBERT)
    with pytest.raises(UnreadableError, match=r"absent\.laz"):
        read_points(tmp_path / "absent.laz", reference=LAMBERT)


def test_a_panic_of_the_decompressor_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """lazrs is Rust: a zero chunk size makes it panic, with an exception that is no ``Exception``."""
    panic = type("PanicException", (BaseException,), {})
    tile = write_tile(tmp_path / "t.laz", points_on_grid(), 2)

    def panics(*_: object) -> None:
        raise panic("attempt to calculate the remainder with a divisor of zero")

    monkeypatch.setattr(LasReader, "read_points", panics)
    with pytest.raises(UnreadableError, match="divisor of zero"):
        read_points(tile, reference=LAMBERT)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 1500), value=st.integers(0, 255))
def test_a_flipped_byte_never_escapes_as_another_error(tmp_path: Path, position: int, value: int) -> None:
    whole = tmp_path / "whole.laz"
    if not whole.exists():
        write_tile(whole, points_on_grid(), np.arange(100) % 4 + 1)
    content = bytearray(whole.read_bytes())
    content[position % len(content)] = value
    damaged = tmp_path / "damaged.laz"
    damaged.write_bytes(bytes(content))
    with contextlib.suppress(JntError):  # any other exception fails the test
        assert len(read_points(damaged, reference=LAMBERT)) <= read_las_promise(damaged).n_points


@pytest.mark.shared
def test_octree_query_gives_what_a_full_pass_gives(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared / "data/lidar/bad/test_data_77050_627755_LA93_IGN69.copc.laz"
    queried: list[Path] = []
    octree = las_points._octree_points

    def spied(path: Path, *rest: object) -> object:
        queried.append(path)
        return octree(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(las_points, "_octree_points", spied)
    everything = read_points(path, reference=LAMBERT)
    assert len(everything) == 21_172
    assert not queried
    for bounds in [
        (770510.0, 6277510.0, 770520.0, 6277530.0),
        (770500.0, 6277500.0, 770500.01, 6277550.01),
        (0.0, 0.0, 770510.0, 6277510.0),
    ]:
        block = read_points(path, reference=LAMBERT, bounds=bounds)
        expected = everything.inside(bounds)
        assert len(block) > 0
        assert np.array_equal(block.xyz, expected.xyz)
        assert np.array_equal(block.classification, expected.classification)
    assert len(queried) == 3


@pytest.mark.shared
def test_counts_agree_with_laspy_on_real_tiles(shared: Path) -> None:
    path = shared / "data/lidar/montpellier_50m/points/test_data_77055_627760_LA93_IGN69.laz"
    oracle = laspy.read(path)
    block = read_points(path, reference=LAMBERT, classes=(2, 6))
    kept = np.isin(oracle.classification, (2, 6))
    # laspy multiplies by the scale: one unit in the last place of 6.3e6 is 1e-9 m
    assert np.abs(block.xyz - np.asarray(oracle.xyz)[kept]).max() < 2e-9


@pytest.mark.parametrize("name", ["t.las", "t.laz"])
@pytest.mark.parametrize("scale", [0.01, 0.004, 0.012_5, 1 / 3])
def test_a_stream_brings_the_points_of_a_block_to_a_tenth_of_a_millimetre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, scale: float
) -> None:
    monkeypatch.setattr(las_stream, "STREAM_POINTS", 7)
    path = write_tile(tmp_path / name, points_on_grid(), np.arange(100) % 5, withheld=np.arange(100) < 7, scale=scale)
    block, chunks = read_points(path, reference=LAMBERT), list(stream_points(path))
    assert len(chunks) > 10
    xyz = [
        np.column_stack(
            [axis * np.int64(chunk.step[i]) + chunk.origin[i] for i, axis in enumerate((chunk.x, chunk.y, chunk.z))]
        )
        for chunk in chunks
    ]
    assert np.abs(np.concatenate(xyz) / 1e4 - block.xyz).max() <= 0.000_051  # rounded to 0.1 mm
    assert np.array_equal(np.concatenate([chunk.classification for chunk in chunks]), block.classification)


def test_a_stream_refuses_points_that_lie_farther_apart_than_any_tile_is_wide(tmp_path: Path) -> None:
    xyz = np.array([[WEST, NORTH, 10.0], [WEST + 300_000, NORTH, 10.0]])
    path = write_tile(tmp_path / "t.laz", xyz, scale=1 / 3)
    with pytest.raises(UnreadableError, match=r"t\.laz"):
        list(stream_points(path))


@pytest.mark.parametrize("name", ["t.las", "t.laz"])
def test_overlap_of_flight_lines_is_counted_by_its_flag_or_by_class_12_before_las_1_4(
    tmp_path: Path, name: str
) -> None:
    new = laspy.read(write_tile(tmp_path / name, points_on_grid(), np.arange(100) % 15))
    new.overlap = np.arange(100) < 30  # class 12 is no overlap where there is a flag
    new.write(tmp_path / name)
    assert summarise_tile(tmp_path / name).n_overlap == 30
    old = write_tile(tmp_path / f"old_{name}", points_on_grid(), np.arange(100) % 15, point_format=3, version="1.2")
    assert summarise_tile(old).n_overlap == 6  # 12, 27, 42, 57, 72, 87
