"""One place of another seed for each sample, made once: thinner than the committed ones, so that tests stay quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from jnt_pipeline.samples import SampleReport, make_sample


@dataclass(frozen=True)
class Made:
    """A generated sample and what these tests know of its site, written a second time."""

    name: str
    folder: Path
    epsg: int
    vertical: str
    gauge_zero_m: float
    insee: str


def _points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    import laspy

    tiles = [laspy.read(path) for path in sorted((folder / "lidar").iterdir())]
    return (
        np.concatenate([np.column_stack([tile.x, tile.y, tile.z]) for tile in tiles]),
        np.concatenate([np.asarray(tile.classification) for tile in tiles]),
    )


@pytest.fixture(scope="session")
def other_town(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return make_sample("rive", tmp_path_factory.mktemp("samples") / "rive-77", seed=77, density=4)


@pytest.fixture(scope="session")
def folder(other_town: SampleReport) -> Path:
    return other_town.folder


@pytest.fixture(scope="session")
def points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 3) and classes (n,) of both tiles."""
    return _points(folder)


@pytest.fixture(scope="session")
def coast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample("lagon", tmp_path_factory.mktemp("samples") / "lagon-77", seed=77, density=3).folder


@pytest.fixture(scope="session")
def coast_points(coast: Path) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 3) and classes (n,) of both tiles of the coast."""
    return _points(coast)


@pytest.fixture(params=["rive", "lagon"])
def made(request: pytest.FixtureRequest) -> Made:
    """Each sample in turn."""
    if request.param == "rive":
        folder = request.getfixturevalue("folder")
        return Made(name="rive", folder=folder, epsg=2154, vertical="EPSG:5720", gauge_zero_m=88.0, insee="45999")
    folder = request.getfixturevalue("coast")
    return Made(name="lagon", folder=folder, epsg=2975, vertical="EPSG:5758", gauge_zero_m=-1.5, insee="97499")
