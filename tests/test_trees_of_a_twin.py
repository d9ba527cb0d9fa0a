"""The trees of a generated town's twin, against those that were planted there."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import jnt_pipeline as jnt
from towns import Town


@pytest.fixture(scope="module")
def planted(town: Town) -> pd.DataFrame:
    return pd.read_csv(town.truth("trees.csv"))


@pytest.fixture(scope="module")
def found(town: Town) -> gpd.GeoDataFrame:
    return jnt.open(town.workspace).layer("lidar_trees").to_geopandas()


def distances(planted: pd.DataFrame, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hypot(planted["easting_m"].to_numpy()[:, None] - x, planted["northing_m"].to_numpy()[:, None] - y)


def pairs(planted: pd.DataFrame, found: gpd.GeoDataFrame) -> list[tuple[int, int]]:
    """(planted, found), one to one, nearest first, within half the crown's radius or a metre."""
    apart = distances(planted, found.geometry.x.to_numpy(), found.geometry.y.to_numpy())
    apart[apart > np.maximum(1.0, planted["radius_m"].to_numpy() / 2)[:, None]] = np.inf
    matched = []
    while np.isfinite(apart).any():
        i, j = np.unravel_index(np.argmin(apart), apart.shape)
        matched.append((int(i), int(j)))
        apart[i, :] = apart[:, j] = np.inf
    return matched


def is_seen(planted: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether no other crown (half an ellipsoid, 0.45 of the height deep) covers the top of a tree."""
    x, y, ground, height, radius = planted.to_numpy().T
    share = distances(planted, x, y) ** 2 / radius**2
    above = ground + height - 0.45 * height * (1 - np.sqrt(np.clip(1 - share, 0, 1)))
    above[(share >= 1) | np.eye(len(x), dtype=bool)] = -np.inf
    return above.max(axis=1) <= ground + height


def test_trees_whose_top_is_not_under_another_crown_are_found(planted: pd.DataFrame, found: gpd.GeoDataFrame) -> None:
    matched = pairs(planted, found)
    seen = is_seen(planted)
    recall = sum(seen[i] for i, _ in matched) / seen.sum()
    assert len(matched) / len(found) >= 0.85
    assert recall >= 0.85


def test_heights_are_those_of_the_planted_trees(planted: pd.DataFrame, found: gpd.GeoDataFrame) -> None:
    matched = pairs(planted, found)
    error = np.array([found["height_m"][j] - planted["height_m"][i] for i, j in matched])
    assert abs(np.median(error)) < 0.15  # echoes come from a little inside the crown, some decimetres at most
    assert np.percentile(np.abs(error), 95) < 0.5


def test_each_tree_is_told_once(found: gpd.GeoDataFrame) -> None:
    assert found["tree_id"].is_unique
    assert len(found) > 100
