"""Point files, geometries and 3D Tiles go through the compiled kernels: PROJ transforms no point of theirs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import laspy
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from builders import tiny_territory
from crs.compiled import metres_apart, proj_alone
from jnt_pipeline.base_layers.point_files import rewrite_point_file
from jnt_pipeline.crs import engines, transform_geometries, transformation
from jnt_pipeline.crs.fast.chain import Chain
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.publication.tiles3d import write_3dtiles
from jnt_pipeline.stages.hut import compile_kernels
from source_files import write_tile

Array = NDArray[np.float64]

transform_module = importlib.import_module("jnt_pipeline.crs.transform")  # its name is also that of a function


@pytest.fixture
def compiled_points(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of points that the kernels were given; PROJ is asked for none, save to verify a chain."""
    counts: list[int] = []
    run: Callable[..., tuple[Array, NDArray[np.uint8], bool]] = Chain.run

    def counted(self: Chain, points: NDArray[np.generic], n_out: int) -> tuple[Array, NDArray[np.uint8], bool]:
        counts.append(len(points))
        return run(self, points, n_out)

    def refused(*_: object) -> Array:
        raise AssertionError("PROJ was asked to transform points")

    monkeypatch.setattr(Chain, "run", counted)
    monkeypatch.setattr(transform_module, "by_proj", refused)
    return counts


def test_geometries_go_through_the_kernels(compiled_points: list[int]) -> None:
    flat = transformation("EPSG:2154", "EPSG:3946")
    ring = shapely.box(700_000, 6_550_000, 700_100, 6_550_200)
    (got,) = transform_geometries(np.array([ring], dtype=object), flat)
    assert compiled_points[-1] == 5
    corners = shapely.get_coordinates(ring)
    assert metres_apart(flat, shapely.get_coordinates(got), proj_alone(flat, corners)) <= 1e-5


def test_a_point_file_is_moved_by_the_kernels(compiled_points: list[int], tmp_path: Path) -> None:
    rng = np.random.default_rng(31)
    xyz = rng.uniform([1_700_000, 5_200_000, 0], [1_701_000, 5_201_000, 90], (5_000, 3)).round(2)
    source = write_tile(tmp_path / "cc46.laz", xyz, 2)
    chosen = transformation("EPSG:3946+5720", "EPSG:2154+5720")
    rewrite_point_file(source, tmp_path / "l93.laz", chosen, Reference.model_validate("EPSG:2154+5720"))
    assert sum(count for count in compiled_points if count != 625) >= 5_000  # 625: the sample of the verification
    read = laspy.read(tmp_path / "l93.laz")
    expected = proj_alone(chosen, np.asarray(laspy.read(source).xyz))
    # Half a step of 0.01 m, and the rounding of the file.
    assert np.abs(np.asarray(read.xyz) - expected).max() <= 0.005 + 1e-6


def test_3d_tiles_go_through_the_kernels(compiled_points: list[int], tmp_path: Path) -> None:
    twin = tiny_territory(tmp_path / "twin")
    compiled_points.clear()
    (tmp_path / "tiles").mkdir()
    write_3dtiles(twin, tmp_path / "tiles")
    assert compiled_points
    assert max(count for count in compiled_points if count != 625) >= 8  # the corners of a house at least


def test_the_doctor_compiles_the_kernels_of_coordinates(compiled_points: list[int]) -> None:
    compile_kernels()
    assert 1 in compiled_points


def test_what_proj_computes_is_asked_of_proj(monkeypatch: pytest.MonkeyPatch, grids: Path) -> None:
    asked: list[int] = []

    def counted(route: object, points: Array, *rest: object) -> Array:
        asked.append(len(points))
        return engines.by_proj(route, points, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(transform_module, "by_proj", counted)
    transformation("EPSG:27572", "EPSG:2154").apply(np.array([[600_000.0, 2_200_000.0]]))
    assert asked == [1]
