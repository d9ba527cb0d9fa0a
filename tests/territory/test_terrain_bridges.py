"""Bridges (class 17): in the surface, not in the terrain; decks found as a layer, whatever the tiling."""

from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest

from jnt_pipeline.base_layers.points import PointBlock, PointChunk
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.bridge_decks import CellDecks, bridge_decks, deck_pixels
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dsm, derive_dtm
from jnt_pipeline.territory.terrain_returns import ReturnMarks

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


X0, Y0 = 292_000, 6_832_000


def decks(xyz: np.ndarray, bounds: list[tuple[float, float, float, float]]) -> list[tuple]:
    """Decks of the cells with the given bounds, from (x, y, z) returns of class 17, metres from the origin."""
    chunk = PointChunk.of(xyz + np.array((X0, Y0, 0.0)), np.full(len(xyz), _DECK, np.uint8))
    cells = []
    for west, south, east, north in bounds:
        grid = Grid.covering((X0 + west, Y0 + south, X0 + east, Y0 + north), 0.5)
        marks = ReturnMarks(grid, TerrainParameters())
        marks.add(chunk)
        elevation = marks.deck_elevation()
        if elevation is None:
            elevation = np.full(grid.shape, np.nan, np.float32)
        cells.append(CellDecks(grid=grid, pixels=deck_pixels(marks), elevation=elevation))
    return [
        (deck.bridge_id, deck.geometry.wkb, deck.low_m, deck.median_m, deck.high_m, deck.n_pixels)
        for deck in bridge_decks(cells, 0.5)
    ]


def test_returns_close_together_are_one_deck_and_bridges_apart_are_two():
    rng = np.random.default_rng(3)
    one = np.c_[rng.uniform((10, 10), (40, 14), (400, 2)), rng.uniform(55, 55.2, 400)]
    other = np.c_[rng.uniform((10, 20), (40, 24), (400, 2)), np.full(400, 60.0)]
    stray = np.array([(45.0, 45.0, 70.0)])
    found = decks(np.vstack([one, other, stray]), [(0, 0, 50, 50)])
    assert [round(deck[3], 1) for deck in sorted(found, key=lambda deck: deck[3])] == [55.1, 60.0]
    north = next(deck for deck in found if deck[3] == 60)
    assert (north[2], north[4]) == (60, 60)
    cut = [(w, s, e, n) for w, e in ((0, 17), (17, 50)) for s, n in ((0, 12.5), (12.5, 22), (22, 50))]
    assert decks(np.vstack([stray, other, one]), cut) == found


def test_no_deck_where_there_is_none():
    assert decks(np.empty((0, 3)), [(0, 0, 50, 50)]) == []
    assert decks(np.array([(5.0, 5.0, 3.0)]), [(0, 0, 50, 50)]) == []
