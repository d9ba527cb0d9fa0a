"""Rasters as COG: same values, one grid, both references; and their pictures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from builders import FULL, X0, Y0, ground_elevation_m, tiny_territory
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ExportError
from jnt_pipeline.publication.cog import write_cogs
from jnt_pipeline.publication.pictures import colours_of_heights, shaded_relief
from jnt_pipeline.stages.rasters import write_codes
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.model import StoredRaster, Territory


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    """Two tiles of 300 m: 1200 x 600 pixels, more than one internal tile."""
    return tiny_territory(tmp_path_factory.mktemp("twin"), raster_tile_m=300)


@pytest.fixture(scope="module")
def folder(twin: Territory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cog")
    write_cogs(twin, folder)
    return folder


def test_values_are_those_of_the_tiles_across_the_seam(folder: Path) -> None:
    """The ground is a plane: every cell can be told from its place, so a shift by a pixel would show (1 cm)."""
    with rasterio.open(folder / "dtm.tif") as dataset:
        assert (dataset.width, dataset.height) == (1200, 600)
        assert dataset.bounds == (X0 - 0.25, Y0 + 0.25, X0 + 599.75, Y0 + 300.25)
        values = dataset.read(1)
    east = 0.5 * np.arange(1200)
    north = 300 - 0.5 * np.arange(600)
    expected = ground_elevation_m(east[None, :], north[:, None])  # type: ignore[arg-type]
    known = np.isfinite(values)
    assert np.abs(values[known] - expected[known]).max() < 2e-5  # float32 near 180 m: steps of 1.5e-5 m
    assert np.argwhere(~known).tolist() == [[row, column] for row in range(6) for column in range(6)]


def test_the_file_is_tiled_with_overviews_and_predictor_3(folder: Path) -> None:
    for name in ("dtm", "dsm", "dhm"):
        assert cog_validate(folder / f"{name}.tif", quiet=True) == (True, [], [])
        with rasterio.open(folder / f"{name}.tif") as dataset:
            assert dataset.block_shapes == [(512, 512)]
            assert dataset.overviews(1) == [2, 4]
            structure = dataset.tags(ns="IMAGE_STRUCTURE")
            assert (structure["COMPRESSION"], structure["PREDICTOR"]) == ("DEFLATE", "3")
            assert np.isnan(dataset.nodata)
            assert dataset.units == ("m",)


def test_overviews_do_not_spread_the_unknown(folder: Path) -> None:
    with rasterio.open(folder / "dtm.tif", OVERVIEW_LEVEL=0) as dataset:
        values = dataset.read(1)
    assert np.argwhere(np.isnan(values)).tolist() == [[row, column] for row in range(3) for column in range(3)]


def test_both_references_and_the_origin_travel_in_the_file(folder: Path) -> None:
    with rasterio.open(folder / "dtm.tif") as dataset:
        assert dataset.crs.to_epsg() == 5698
        tags = dataset.tags()
    assert (tags["HORIZONTAL_CRS"], tags["VERTICAL_CRS"]) == ("EPSG:2154", "EPSG:5720")
    assert json.loads(tags["DECLARED_UNDULATION"])["value_m"] == 49.9
    assert json.loads(tags["PROVENANCE"])["licence"] == "Licence Ouverte 2.0"


def test_a_compound_without_single_code_is_read_back_in_both_parts(twin: Territory, tmp_path: Path) -> None:
    reunion = Reference(horizontal="EPSG:2975", vertical="EPSG:5758")
    dtm = replace(twin.raster("dtm"), reference=reunion)
    write_cogs(replace(twin, reference=reunion, rasters={"dtm": dtm}), tmp_path)
    with rasterio.open(tmp_path / "dtm.tif") as dataset:
        text = dataset.crs.to_wkt(version="WKT2_2019")
    assert 'ID["EPSG",2975]' in text
    assert 'ID["EPSG",5758]' in text


def test_a_tile_beside_the_grid_is_refused_by_name(twin: Territory, tmp_path: Path) -> None:
    moved = tmp_path / "moved.tif"
    with rasterio.open(twin.raster("dtm").tiles[1]) as dataset:
        profile, values = dataset.profile, dataset.read()
    corner = profile["transform"]
    with rasterio.open(moved, "w", **profile | {"transform": Affine(0.5, 0, corner.c + 0.1, 0, -0.5, corner.f)}) as out:
        out.write(values)
    dtm = replace(twin.raster("dtm"), tiles=(twin.raster("dtm").tiles[0], moved))
    with pytest.raises(ExportError, match=r"moved\.tif: a tile is not on the grid of the others"):
        write_cogs(replace(twin, rasters={"dtm": dtm}), tmp_path)


def test_tiles_that_overlap_are_refused_since_cells_would_be_lost(twin: Territory, tmp_path: Path) -> None:
    again = tmp_path / "again.tif"
    shutil.copy(twin.raster("dtm").tiles[1], again)
    dtm = replace(twin.raster("dtm"), tiles=(*twin.raster("dtm").tiles, again))
    with pytest.raises(ExportError, match="cells were lost"):
        write_cogs(replace(twin, rasters={"dtm": dtm}), tmp_path)


def test_a_tile_of_another_resolution_is_refused(twin: Territory, tmp_path: Path) -> None:
    dtm = replace(twin.raster("dtm"), resolution_m=1.0)
    with pytest.raises(ExportError, match="resolution"):
        write_cogs(replace(twin, rasters={"dtm": dtm}), tmp_path)


def test_a_name_with_markup_does_not_break_the_file(twin: Territory, tmp_path: Path) -> None:
    titled = replace(twin, title='L\'Haÿ <les> "Roses" & co', rasters={"dtm": twin.raster("dtm")})
    write_cogs(titled, tmp_path)
    with rasterio.open(tmp_path / "dtm.tif") as dataset:
        assert dataset.tags()["TITLE"] == 'L\'Haÿ <les> "Roses" & co'


def test_pictures_fit_in_1024_px_and_are_transparent_where_nothing_is_known(folder: Path) -> None:
    for name in ("dtm", "dsm", "dhm"):
        content = (folder / f"{name}.png").read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
        assert (width, height) == (1024, 512)


def test_a_slope_that_faces_the_light_is_brighter_than_one_that_turns_away() -> None:
    ramp = np.add.outer(np.zeros(9), np.arange(9.0))
    to_west, to_east = shaded_relief(ramp, 1.0)[0, 4, 4], shaded_relief(-ramp, 1.0)[0, 4, 4]
    flat = shaded_relief(np.zeros((9, 9)), 1.0)[0, 4, 4]
    assert to_west > flat > to_east  # light from the north-west; ground that rises eastwards faces west
    north_up = np.add.outer(np.arange(9.0), np.zeros(9))  # rises southwards: faces north
    assert shaded_relief(north_up, 1.0)[0, 4, 4] > flat


def test_higher_is_darker_in_the_colours_of_heights() -> None:
    painted = colours_of_heights(np.array([[0.0, 1, 3, 6, 10, 15, 25, 40, 60, np.nan]])).astype(float)
    luminance = 0.2126 * painted[0] + 0.7152 * painted[1] + 0.0722 * painted[2]
    assert (np.diff(luminance[0, :8]) < 0).all()
    assert luminance[0, 8] == luminance[0, 7]


def test_the_producers_own_mark_for_unknown_cells_becomes_nan(shared: Path, twin: Territory, tmp_path: Path) -> None:
    """IGN's own 0.5 m rasters of Montpellier: 100 x 100 cells, -9999 in 5 of the DTM and 7 of the DHM."""
    for name, n_known in (("dtm", 9_995), ("dhm", 9_993)):
        (tile,) = (shared / "data/lidar/montpellier_50m/reference" / name.upper()).glob("*.tif")
        raster = replace(twin.raster(name), tiles=(tile,))
        publication = write_cogs(replace(twin, rasters={name: raster}), tmp_path)
        assert publication.records_out == {name: n_known}
        with rasterio.open(tmp_path / f"{name}.tif") as dataset, rasterio.open(tile) as source:
            values, original = dataset.read(1), source.read(1)
        known = original != -9999
        assert np.array_equal(np.isfinite(values), known)
        assert np.array_equal(values[known], original[known])


def test_codes_stay_bytes_and_are_told(twin: Territory, tmp_path: Path) -> None:
    codes = np.array([[0, 1, 2], [6, 7, 0]], np.uint8)
    write_codes(codes, Grid(west=X0, north=Y0, resolution_m=0.5, n_rows=2, n_columns=3), FULL, tmp_path / "tile.tif")
    raster = StoredRaster(
        name="dtm_origin",
        tiles=(tmp_path / "tile.tif",),
        reference=FULL.flat(),
        resolution_m=0.5,
        provenance=twin.rasters["dtm"].provenance,
    )
    territory = replace(twin, rasters={"dtm_origin": raster})
    (tmp_path / "out").mkdir()
    written = write_cogs(territory, tmp_path / "out")
    assert [file.path for file in written.files] == ["dtm_origin.tif"]  # no picture
    assert written.records_out == {"dtm_origin": 4}
    with rasterio.open(tmp_path / "out/dtm_origin.tif") as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.nodata == 0
        assert dataset.read(1).tolist() == codes.tolist()
        assert "6=water_level" in dataset.tags()["CODES"]
