"""One town of another seed, made once: thinner than the committed one, so that the tests stay quick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jnt_pipeline.samples import SampleReport, make_sample


@pytest.fixture(scope="session")
def other_town(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return make_sample("rive", tmp_path_factory.mktemp("samples") / "rive-77", seed=77, density=4)


@pytest.fixture(scope="session")
def folder(other_town: SampleReport) -> Path:
    return other_town.folder


@pytest.fixture(scope="session")
def points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 3) and classes (n,) of both tiles."""
    import laspy

    tiles = [laspy.read(path) for path in sorted((folder / "lidar").iterdir())]
    return (
        np.concatenate([np.column_stack([tile.x, tile.y, tile.z]) for tile in tiles]),
        np.concatenate([np.asarray(tile.classification) for tile in tiles]),
    )
