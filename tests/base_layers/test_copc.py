"""COPC files of ours, read by laspy's reader of COPC."""

from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest
from laspy.copc import Bounds, CopcReader

from jnt_pipeline.base_layers import copc
from jnt_pipeline.base_layers.copc import write_copc
from source_files import NORTH, WEST, write_tile


def cloud(n: int, seed: int = 3) -> np.ndarray:
    """Points in a square kilometre, most of them on the ground; centimetres."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform((0, 0, 0), (1000, 1000, 60), (n, 3))
    xyz[: n * 3 // 4, 2] = 5.0
    return np.add(np.round(xyz, 2), (WEST, NORTH - 1000, 40.0))


def rows(points: laspy.ScaleAwarePointRecord) -> np.ndarray:
    """The records in an order of their own."""
    return np.sort(np.array(points.array), order=points.array.dtype.names)


@pytest.fixture
def small_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of several levels from few points."""
    monkeypatch.setattr(copc, "_POINTS_PER_LEAF", 500)
    monkeypatch.setattr(copc, "_VOXELS", 8)


@pytest.mark.usefixtures("small_nodes")
def test_every_point_is_there_once_with_all_its_fields(tmp_path: Path) -> None:
    xyz = cloud(20_000)
    marker = np.arange(len(xyz)).astype(np.uint16)
    source = write_tile(
        tmp_path / "t.laz",
        xyz,
        np.arange(len(xyz)) % 7,
        extra={"dtm_marker": marker},
        gps_time=np.arange(len(xyz)) * 0.5,
    )
    assert write_copc(source, tmp_path / "t.copc.laz") == 20_000
    before, after = laspy.read(source), laspy.read(tmp_path / "t.copc.laz")
    assert np.array_equal(rows(before.points), rows(after.points))
    assert after.header.parse_crs() == before.header.parse_crs()
    assert np.allclose([*after.header.mins, *after.header.maxs], [*before.header.mins, *before.header.maxs])
    with CopcReader.open(tmp_path / "t.copc.laz") as reader:
        assert np.array_equal(rows(reader.query()), rows(before.points))
        assert reader.copc_info.gps_min == 0
        assert reader.copc_info.gps_max == 0.5 * 19_999


@pytest.mark.usefixtures("small_nodes")
def test_a_part_is_found_by_the_octree_as_by_looking_at_all(tmp_path: Path) -> None:
    source = write_tile(tmp_path / "t.laz", cloud(20_000))
    write_copc(source, tmp_path / "t.copc.laz")
    points = laspy.read(source)
    low, high = np.array([WEST + 100, NORTH - 300, 0.0]), np.array([WEST + 230, NORTH - 180, 1000.0])
    inside = np.all((np.asarray(points.xyz) >= low) & (np.asarray(points.xyz) <= high), axis=1)
    assert inside.sum() > 100
    with CopcReader.open(tmp_path / "t.copc.laz") as reader:
        found = reader.query(bounds=Bounds(mins=low, maxs=high))
    assert np.array_equal(rows(found), rows(points.points[inside]))


@pytest.mark.usefixtures("small_nodes")
def test_each_level_adds_detail_and_the_coarse_one_lies_everywhere(tmp_path: Path) -> None:
    write_copc(write_tile(tmp_path / "t.laz", cloud(20_000)), tmp_path / "t.copc.laz")
    with CopcReader.open(tmp_path / "t.copc.laz") as reader:
        counts = [len(reader.query(level=level)) for level in range(4)]
        root = reader.query(level=0)
        spacing = reader.copc_info.spacing
    assert sum(counts) == 20_000
    assert min(counts) > 0
    assert spacing == pytest.approx(1000 / 8, rel=1e-3)
    # one point for each occupied voxel of the root: 8 by 8 columns, all occupied
    assert len(set(zip((root.x - WEST) // spacing, (root.y - NORTH + 1000) // spacing, strict=True))) == 64


@pytest.mark.usefixtures("small_nodes")
def test_the_same_points_give_the_same_bytes(tmp_path: Path) -> None:
    source = write_tile(tmp_path / "t.laz", cloud(5_000))
    write_copc(source, tmp_path / "a.copc.laz")
    write_copc(source, tmp_path / "b.copc.laz")
    assert (tmp_path / "a.copc.laz").read_bytes() == (tmp_path / "b.copc.laz").read_bytes()


@pytest.mark.parametrize(("point_format", "becomes"), [(0, 6), (1, 6), (3, 7), (6, 6), (8, 8), (10, 8)])
def test_point_formats_become_those_of_copc(tmp_path: Path, point_format: int, becomes: int) -> None:
    source = write_tile(
        tmp_path / "t.laz",
        cloud(100),
        np.arange(100) % 7,
        point_format=point_format,
        version="1.4" if point_format > 3 else "1.2",
        withheld=np.arange(100) < 9,
    )
    write_copc(source, tmp_path / "t.copc.laz")
    before, after = laspy.read(source), laspy.read(tmp_path / "t.copc.laz")
    assert after.header.point_format.id == becomes
    order, other = np.lexsort(np.asarray(before.xyz).T), np.lexsort(np.asarray(after.xyz).T)
    for name in ("X", "Y", "Z", "classification", "withheld"):
        assert np.array_equal(np.asarray(before[name])[order], np.asarray(after[name])[other]), name


@pytest.mark.parametrize("n", [1, 2])
def test_one_point_or_two_at_one_place_make_a_tree(tmp_path: Path, n: int) -> None:
    source = write_tile(tmp_path / "t.laz", np.tile([[WEST, NORTH, 40.0]], (n, 1)))
    assert write_copc(source, tmp_path / "t.copc.laz") == n
    with CopcReader.open(tmp_path / "t.copc.laz") as reader:
        assert len(reader.query()) == n


def test_extended_records_of_the_source_stay(tmp_path: Path, shared: Path) -> None:
    source = shared / "data/lidar/format_variants/1_4_w_evlr.laz"
    write_copc(source, tmp_path / "t.copc.laz")
    with laspy.open(tmp_path / "t.copc.laz") as reader:
        assert [(record.user_id, record.record_id) for record in reader.header.evlrs] == [
            ("copc", 1000),
            ("pylastest", 42),
        ]
    assert len(laspy.read(tmp_path / "t.copc.laz")) == 1000
