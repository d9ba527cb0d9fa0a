"""Elevation rasters as terrain: taken over to the bit where grids coincide, bilinear elsewhere, voids kept, no seam."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import yaml
from numpy.typing import NDArray

import jnt_pipeline as jnt
from jnt_pipeline.base_layers.elevation_block import QUANTUM_M, ElevationBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.disk import file_sha256
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.sources.elevation_pixels import read_block
from jnt_pipeline.stages.raster_files import RasterFile, values_from_files
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain_from_rasters import Way, values_at_centres
from raster_files import write_ascii_grid, write_geotiff
from source_files import OWNER, building, square, write_collection, write_tile

TWIN = Reference.model_validate("EPSG:2154+5720")
HERE = Way(places=transformation(TWIN.flat(), TWIN.flat()), heights=transformation(TWIN, TWIN))
EAST, NORTH = 900_000.0, 6_500_000.0  # centre of the first pixel, like RGE ALTI


def block(
    values: NDArray[np.float64], *, east: float = EAST, north: float = NORTH, pixel: float = 1.0, name: str = "a"
) -> ElevationBlock:
    """Pixels whose north-west centre is (east, north)."""
    size = round(pixel / QUANTUM_M)
    return ElevationBlock(
        name=name,
        values=values.astype(np.float32),
        first=(round(east / QUANTUM_M), round(north / QUANTUM_M)),
        pixel=(size, size),
        quantum=QUANTUM_M,
        reference=TWIN,
    )


def around(n: int, resolution_m: float, *, east: float = EAST, north: float = NORTH) -> Grid:
    """n x n pixels of the twin whose first centre is (east, north)."""
    half = resolution_m / 2
    width = n * resolution_m
    return Grid.covering((east - half, north - width + half, east - half + width, north + half), resolution_m)


def test_coinciding_centres_take_the_value_over_to_the_last_bit_voids_included() -> None:
    values = np.random.default_rng(7).normal(100, 30, (20, 20)).astype(np.float32)
    values[3, 4] = np.nan
    found = values_at_centres([block(values)], around(20, 1.0), HERE)
    assert found.tobytes() == values.tobytes()


def test_between_centres_the_value_is_bilinear() -> None:
    # Corners 10, 20 in the north and 30, 80 in the south: halfway 15, 20, 35, 50, 55; the edge is not passed.
    found = values_at_centres([block(np.array([[10.0, 20.0], [30.0, 80.0]]))], around(4, 0.5), HERE)
    nan = np.nan
    expected = np.array([[10, 15, 20, nan], [20, 35, 50, nan], [30, 55, 80, nan], [nan] * 4], np.float32)
    np.testing.assert_array_equal(found, expected)


def test_a_void_spreads_to_no_centre_that_does_not_need_it() -> None:
    values = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0], [7.0, 8.0, 9.0]])
    found = values_at_centres([block(values)], around(5, 0.5), HERE)
    void = np.isnan(found)
    assert void[1:4, 1:4].all()  # everything strictly between needs the middle
    assert not void[[0, 0, 0, 4, 2], [0, 1, 4, 3, 0]].any()
    assert (found[0, 1], found[4, 3], found[1, 0]) == (1.5, 8.5, 2.5)


def test_a_plane_comes_back_at_every_resolution() -> None:
    rows, columns = np.mgrid[0:30, 0:30]
    plane = 50 + 0.25 * 5 * columns - 0.5 * 5 * rows  # exact in float32
    grid = around(100, 1.0)
    found = values_at_centres([block(plane, pixel=5.0)], grid, HERE)
    expected = 50 + 0.25 * (grid.x_centres - EAST)[None, :] + 0.5 * (grid.y_centres - NORTH)[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_files_and_cells_may_be_cut_anyhow() -> None:
    values = np.random.default_rng(3).normal(100, 30, (40, 40))
    whole = values_at_centres([block(values)], around(70, 0.5), HERE)
    pieces = [
        block(values[:17, :23], name="d"),
        block(values[17:, :23], north=NORTH - 17, name="b"),
        block(values[:, 23:], east=EAST + 23, name="c"),
    ]
    assert values_at_centres(pieces, around(70, 0.5), HERE).tobytes() == whole.tobytes()
    cell = Grid.covering((EAST + 9.75, NORTH - 20.25, EAST + 24.75, NORTH - 5.25), 0.5)
    part = values_at_centres(pieces[::-1], cell, HERE)
    assert part.tobytes() == whole[11 : 11 + cell.n_rows, 20 : 20 + cell.n_columns].tobytes()


def test_of_two_rasters_the_finer_counts_and_the_coarser_fills_it() -> None:
    fine = np.full((10, 10), 5.0)
    fine[2, 2] = np.nan
    found = values_at_centres([block(np.full((10, 10), 9.0), pixel=5.0), block(fine, name="z")], around(12, 1.0), HERE)
    assert found[2, 2] == 9
    assert found[3, 3] == 5
    assert found[11, 11] == 9


def test_no_block_means_nothing_is_known() -> None:
    assert np.isnan(values_at_centres([], around(3, 1.0), HERE)).all()


def delivered(path: Path, reference: str, around: tuple[float, float], resolution_m: float | None) -> RasterFile:
    """The DTM at ``path`` as the twin knows it."""
    east, north = around
    return RasterFile(
        tile_id="dtm_a",
        path=path,
        sha256=file_sha256(path),
        bounds=(east - 50, north - 50, east + 50, north + 50),
        surface="dtm",
        reference=Reference.model_validate(reference),
        resolution_m=resolution_m,
        void_value=None,
    )


def test_rasters_of_another_reference_are_asked_at_the_place_of_each_pixel(tmp_path: Path) -> None:
    """A plane in CC46, seen from Lambert-93 at Lyon; the independent way is pyproj's."""
    east, north = 842_700.0, 6_517_800.0
    to_cc46 = pyproj.Transformer.from_crs(2154, 3946, always_xy=True)
    x0, y0 = (round(value) for value in to_cc46.transform(east, north))
    rows, columns = np.mgrid[0:60, 0:60]
    plane = (170 + 0.01 * columns + 0.02 * rows).astype(np.float32)
    path = write_geotiff(tmp_path / "a.tif", plane, west=x0 - 30.5, north=y0 + 30.5, pixel=1.0, crs="EPSG:3946")
    file = delivered(path, "EPSG:3946+5720", (east, north), 1.0)
    grid = Grid.covering((east - 10, north - 10, east + 10, north + 10), 0.5)
    found = values_from_files([file], "dtm", grid, TWIN)
    x, y = to_cc46.transform(*np.meshgrid(grid.x_centres, grid.y_centres))
    expected = 170 + 0.01 * (x - (x0 - 30)) + 0.02 * ((y0 + 30) - y)
    np.testing.assert_allclose(found.values, expected, atol=1e-4)
    assert [one.operation.target for one in found.transformations] == ["EPSG:3946", "EPSG:2154+5720"]
    assert np.isnan(values_from_files([file], "dsm", grid, TWIN).values).all()
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(AssemblyError, match="changed since it was ingested"):
        values_from_files([file], "dtm", grid, TWIN)


def test_a_raster_in_degrees_is_read_where_its_thirds_of_a_second_lie(tmp_path: Path) -> None:
    """1/3" is no round number of degrees: a plane that rises with the longitude comes back all the same."""
    east, north, pixel = 842_700.0, 6_517_800.0, 1 / 10_800
    to_degrees = pyproj.Transformer.from_crs(2154, 4171, always_xy=True)
    lon, lat = to_degrees.transform(east, north)
    columns = np.arange(60, dtype=np.float32)
    plane = np.tile(100 + 0.125 * columns, (60, 1))
    west, top = round(lon / pixel) * pixel - 30 * pixel, round(lat / pixel) * pixel + 30 * pixel
    path = write_geotiff(tmp_path / "a.tif", plane, west=west, north=top, pixel=pixel, crs="EPSG:4171")
    grid = Grid.covering((east - 10, north - 10, east + 10, north + 10), 1.0)
    found = values_from_files([delivered(path, "EPSG:4171+5720", (east, north), None)], "dtm", grid, TWIN)
    x, _ = to_degrees.transform(*np.meshgrid(grid.x_centres, grid.y_centres))
    expected = 100 + 0.125 * ((x - west) / pixel - 0.5)
    np.testing.assert_allclose(found.values, expected, atol=1e-4)


class Lifted:
    """Heights that a stated operation moves: up by a tenth of the easting beyond 900 km, and two metres."""

    moves_heights = True

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        assert np.isfinite(points).all()  # voids are no places: they never reach a transformation
        return np.column_stack((points[:, :2], points[:, 2] + 2 + 0.125 * (points[:, 0] - EAST)))


def test_heights_are_moved_at_the_place_of_each_pixel_and_voids_stay() -> None:
    values = np.array([[10.0, 10.0, np.nan], [20.0, 20.0, 20.0]])
    way = Way(places=HERE.places, heights=Lifted())  # type: ignore[arg-type]
    found = values_at_centres([block(values)], around(3, 1.0), way)
    nan = np.nan
    expected = np.array([[12, 12.125, nan], [22, 22.125, 22.25], [nan] * 3], np.float32)
    np.testing.assert_array_equal(found, expected)


# --- the whole way ------------------------------------------------------------------------------------------------


def run(folder: Path, *sources: dict[str, object], **more: object) -> jnt.Territory:
    config = {
        "name": "relief",
        "title": "Relief",
        "reference": "EPSG:2154+5720",
        "undulation": {"value_m": 49.69, "accuracy_m": 0.1, "source": "RAF20 at Montpellier, for this test"},
        "sources": [{**OWNER, "vintage": "2023-01-01", **source} for source in sources],
        "publication": [],
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "twin.yaml").write_text(yaml.safe_dump(config))
    jnt.run(folder / "twin.yaml", folder / "twin", until="assemble")
    return jnt.open(folder / "twin")


@pytest.mark.shared
def test_igns_rasters_of_montpellier_come_through_unchanged_to_the_last_bit(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data/lidar/montpellier_50m/reference"
    twin = run(
        tmp_path,
        {"kind": "elevation", "path": str(folder / "DTM"), "surface": "dtm"},
        {"kind": "elevation", "path": str(folder / "DSM"), "surface": "dsm"},
    )
    for name in ("dtm", "dsm", "dhm"):
        (path,) = (folder / name.upper()).glob("*.tif")
        with rasterio.open(path) as dataset:
            expected, void = dataset.read(1), dataset.read(1) == dataset.nodata
            window = twin.raster(name).read()
            assert window.transform == dataset.transform
        assert np.isnan(window.values[void]).all()
        known = ~void & ~np.isnan(window.values)
        assert (void.sum(), (~np.isnan(window.values)).sum()) == ((5, 9995) if name == "dtm" else (7, 9993))
        assert window.values[known].tobytes() == expected[known].tobytes()
    assert twin.rasters["dhm"].reference.vertical is None
    assert [file.name for file in twin.rasters["dtm"].provenance.files] == [
        "test_data_77055_627760_LA93_IGN69_50CM.tif"
    ]


@pytest.mark.shared
def test_points_come_first_and_a_raster_fills_what_they_leave(shared: Path, tmp_path: Path) -> None:
    points = {"kind": "lidar", "path": str(shared / "data/lidar/montpellier_50m/points")}
    run(tmp_path / "alone", points)
    flat = write_geotiff(
        tmp_path / "fond_MNT_LAMB93_IGN69.tif",
        np.full((300, 300), 1000.0, np.float32),
        west=770_499.75,
        north=6_277_600.75,
    )
    twin = run(tmp_path / "both", points, {"kind": "elevation", "path": str(flat)})
    both = twin.raster("dtm").read(bbox=(770_499.75, 6_277_500.25, 770_599.75, 6_277_600.25)).values
    alone = (
        jnt.open(tmp_path / "alone/twin")
        .raster("dtm")
        .read(bbox=(770_499.75, 6_277_500.25, 770_599.75, 6_277_600.25))
        .values
    )
    known = ~np.isnan(alone)
    assert both[known].tobytes() == alone[known].tobytes()
    assert (both[~known] == 1000).all()
    outside = twin.raster("dtm").read(bbox=(770_620.25, 6_277_550.25, 770_640.25, 6_277_560.25)).values
    assert (outside == 1000).all()
    assert set(twin.rasters) == {"dtm", "dsm", "dhm", "chm", "dtm_confidence", "dtm_origin"}
    for manifest in (tmp_path / "both/twin/manifest/terrain").glob("*.json"):
        facts = json.loads(manifest.read_text())["facts"]
        assert facts["rasters"] == ["dtm_fond_MNT_LAMB93_IGN69"]
        assert facts["dtm_from_points_pct"] > 10
        assert facts["dtm_from_rasters_pct"] > 10
        assert facts["dtm_from_points_pct"] + facts["dtm_from_rasters_pct"] == pytest.approx(facts["dtm_known_pct"])
    assert {file.name for file in twin.rasters["dtm"].provenance.files} >= {flat.name}


def test_ground_alone_gives_terrain_and_no_surface(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:8, 0:8]
    folder = tmp_path / "alti"
    folder.mkdir()
    name = "ouest_MNT_LAMB93_IGN69.asc"
    write_ascii_grid(folder / name, 100.0 + columns - 0.5 * rows, west=899_999.5, north=6_500_000.5)
    east = folder / name.replace("ouest", "est")
    write_ascii_grid(
        east, np.where(columns == 7, -99999.0, 108.0 + columns - 0.5 * rows), west=900_007.5, north=6_500_000.5
    )
    twin = run(tmp_path, {"kind": "elevation", "path": "alti"})
    assert set(twin.rasters) == {"dtm"}
    window = twin.raster("dtm").read()
    assert (window.transform.c, window.transform.f) == (899_999.75, 6_500_000.25)
    values = window.values
    assert values.shape == (15, 31)
    np.testing.assert_array_equal(values[0, :29], 100 + 0.5 * np.arange(29, dtype=np.float32))  # over the seam at 8 m
    assert np.isnan(values[:, 29:]).all()
    assert values[14, 0] == 96.5


def test_of_a_large_raster_only_the_area_and_its_buffer_are_terrain(tmp_path: Path) -> None:
    path = write_geotiff(
        tmp_path / "departement_MNT_LAMB93_IGN69.tif",
        np.full((900, 900), 7.0, np.float32),
        west=EAST,
        north=NORTH,
        pixel=5,
    )
    area = {"bbox": [EAST + 2000, NORTH - 2020, EAST + 2020, NORTH - 2000]}
    terrain = {"resolution_m": 5.0, "buffer_m": 110.0}
    twin = run(tmp_path, {"kind": "elevation", "path": path.name}, area=area, terrain=terrain)
    window = twin.raster("dtm").read()
    assert window.values.shape == (48, 48)  # 20 m and 110 m on each side, at 5 m
    assert (window.values == 7).all()
    assert len(twin.rasters["dtm"].tiles) == 4  # around a corner of the kilometre grid


def test_a_building_on_an_elevation_raster_knows_its_ground_and_not_its_roof(tmp_path: Path) -> None:
    """A footprint of some 8 by 11 m on a level at 250 m; no roof is made up where nothing says how high it is."""
    write_collection(tmp_path / "cadastre-38001-batiments.json", building(square(5.6, 45.5)))
    grid = np.full((100, 100), 250.0)
    write_ascii_grid(tmp_path / "plateau_MNT_LAMB93_IGN69.asc", grid, west=902_969.5, north=6_492_340.5)
    twin = run(
        tmp_path,
        {"kind": "elevation", "path": "plateau_MNT_LAMB93_IGN69.asc"},
        {"kind": "cadastre", "path": "cadastre-38001-batiments.json"},
    )
    (found,) = twin.layer("buildings").to_geopandas().to_dict("records")
    assert found["ground_elevation_m"] == 250.0
    assert pd.isna(found["roof_elevation_m"])
    assert found["lod"] == "0"


def test_a_twin_of_lidar_alone_knows_nothing_of_rasters(tmp_path: Path) -> None:
    """Keys of units do not change for those who have no raster: nothing is made again."""
    points = np.column_stack(
        (
            np.tile(np.arange(650_000.0, 650_020), 20),
            np.repeat(np.arange(6_861_980.0, 6_862_000), 20),
            np.full(400, 30.0),
        )
    )
    write_tile(tmp_path / "LHD_FXX_0650_6862_PTS_LAMB93_IGN69.laz", points)
    run(tmp_path, {"kind": "lidar", "path": "LHD_FXX_0650_6862_PTS_LAMB93_IGN69.laz"})
    (manifest,) = (tmp_path / "twin/manifest/terrain").glob("*.json")
    assert "raster" not in manifest.read_text()


def test_blocks_are_read_by_window_with_a_pixel_around(tmp_path: Path) -> None:
    values = np.arange(100.0).reshape(10, 10)
    for south_up in (False, True):
        path = write_geotiff(
            tmp_path / "a.tif",
            values.astype(np.float32),
            west=EAST - 0.5,
            north=NORTH + 0.5,
            pixel=1.0,
            south_up=south_up,
        )
        found = read_block(path, "a", TWIN, bounds=(EAST + 3, NORTH - 5, EAST + 4, NORTH - 5))
        assert found is not None
        first_row = round(NORTH - found.first[1] * QUANTUM_M)
        first_column = round(found.first[0] * QUANTUM_M - EAST)
        rows, columns = found.values.shape
        np.testing.assert_array_equal(
            found.values, values[first_row : first_row + rows, first_column : first_column + columns]
        )
        assert first_row <= 4
        assert first_row + rows > 6
        assert first_column <= 2
        assert first_column + columns > 5
        assert rows * columns < 60
    assert read_block(path, "a", TWIN, bounds=(EAST + 50, NORTH - 5, EAST + 60, NORTH)) is None
