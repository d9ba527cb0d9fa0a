"""Bridges (class 17) on a real tile: in the surface, not in the terrain."""

from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dsm, derive_dtm

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
_DECK = 17


@pytest.mark.shared
def test_decks_are_in_the_surface_and_not_in_the_terrain(shared: Path):
    tile = laspy.read(next((shared / "data/lidar/km_0292_6833").glob("*.laz")))
    xyz, codes = np.c_[tile.x, tile.y, tile.z], np.asarray(tile.classification, np.uint8)
    deck = xyz[codes == _DECK]
    assert len(deck) == 267
    west, south = np.floor(deck[:, :2].min(axis=0)) - 2
    east, north = np.ceil(deck[:, :2].max(axis=0)) + 2
    near = (np.abs(xyz[:, :2] - ((west + east) / 2, (south + north) / 2)) < 110 + max(east - west, north - south)).all(
        1
    )
    grid, parameters = Grid.covering((west, south, east, north), 0.5), TerrainParameters()

    def rasters(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        block = PointBlock(xyz=xyz[chosen], classification=codes[chosen], reference=REFERENCE)
        return derive_dtm(block, grid, parameters), derive_dsm(block, grid, parameters)

    dtm, dsm = rasters(near)
    without, surface_without = rasters(near & (codes != _DECK))
    assert np.array_equal(dtm, without, equal_nan=True)
    row = np.rint((grid.y_centres[0] - deck[:, 1]) * 2).astype(int)
    column = np.rint((deck[:, 0] - grid.x_centres[0]) * 2).astype(int)
    assert (dsm[row, column] >= deck[:, 2] - 0.005).all()
    assert np.median(dsm[row, column] - surface_without[row, column]) > 1
