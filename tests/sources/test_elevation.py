"""Elevation rasters: names, references, voids, and the files that are refused or told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest

from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import (
    CrsError,
    EmptySourceError,
    MissingCrsError,
    MissingHeightReferenceError,
    SourceError,
    UnreadableError,
    UnsupportedError,
)
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.elevation import ElevationSource, read_elevation_tile
from jnt_pipeline.sources.elevation_pixels import read_header
from raster_files import write_ascii_grid, write_geotiff
from source_files import OWNER

ALTI = "RGEALTI_FXX_0900_6500_MNT_LAMB93_IGN69.asc"
LHD = "LHD_FXX_0900_6500_MNS_O_0M50_LAMB93_IGN69.tif"
RAMP = np.arange(100.0, 124.0, dtype=np.float32).reshape(4, 6)


def source(path: Path, **fields: object) -> ElevationSource:
    return ElevationSource.model_validate({"path": path, **OWNER, **fields})


def tile(path: Path, **fields: object) -> dict[str, object]:
    (record,) = read_elevation_tile(path, source(path, **fields)).frame.to_dict("records")
    return dict(record)


def test_an_rge_alti_grid_takes_its_references_from_its_name(tmp_path: Path) -> None:
    values = RAMP.copy()
    values[0, 0] = -99999
    path = write_ascii_grid(tmp_path / ALTI, values, west=899_999.5, north=6_500_000.5)
    layer = read_elevation_tile(path, source(path))
    (found,) = layer.frame.to_dict("records")
    assert found["tile_id"] == "rge-alti_dtm_0900_6500"
    assert (found["product"], found["surface"], found["stored_reference"]) == ("RGE ALTI", "dtm", "EPSG:2154+5720")
    assert (found["resolution_m"], found["n_pixels"], found["n_void_pixels"]) == (1.0, 24, 1)
    assert (found["min_elevation_m"], found["max_elevation_m"]) == (101.0, 123.0)
    assert layer.frame.total_bounds.tolist() == [899_999.5, 6_499_996.5, 900_005.5, 6_500_000.5]
    assert any("EPSG:2154 taken from the product name" in note for note in layer.provenance.notes)
    assert any("EPSG:5720 taken from the product name" in note for note in layer.provenance.notes)
    assert read_header(path).registration == "centres"
    base = normalise(layer, Reference.model_validate("EPSG:2154+5720"))
    assert base.frame["max_elevation_m"].tolist() == [123.0]


def test_lidar_hd_rasters_are_found_without_an_extension(tmp_path: Path) -> None:
    for name in (LHD.removesuffix(".tif"), LHD.replace("MNS", "MNT")):
        write_geotiff(tmp_path / name, RAMP, west=899_999.75, north=6_500_000.25)
    (tmp_path / (LHD.removesuffix(".tif") + ".json")).write_text("{}")
    (tmp_path / "LISEZ-MOI").write_text("not a raster")
    units = source(tmp_path).units(None)
    assert [unit.name for unit in units] == ["lidar-hd_dsm_0900_6500", "lidar-hd_dtm_0900_6500"]
    assert tile(units[0].files[0])["stored_reference"] == "EPSG:2154+5720"


def test_the_companions_of_rge_alti_are_no_terrain_whatever_is_declared(tmp_path: Path) -> None:
    write_ascii_grid(tmp_path / ALTI, RAMP, west=899_999.5, north=6_500_000.5)
    mask = write_ascii_grid(tmp_path / ALTI.replace("MNT", "DST"), RAMP, west=899_999.5, north=6_500_000.5)
    assert [unit.files[0].name for unit in source(tmp_path, surface="dtm").units(None)] == [ALTI]
    with pytest.raises(SourceError, match="a companion of RGE ALTI, not elevations"):
        source(mask, surface="dtm").units(None)


def test_heights_above_the_ground_are_no_elevations(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / LHD.replace("MNS", "MNH"), RAMP - 100, west=899_999.75, north=6_500_000.25)
    found = tile(path)
    assert (found["surface"], found["stored_reference"]) == ("dhm", "EPSG:2154")
    assert (found["min_height_m"], found["max_height_m"]) == (0.0, 23.0)
    assert found["min_elevation_m"] is None


def test_the_surface_is_declared_where_the_name_says_none_and_never_guessed(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "plateau.tif", RAMP, west=899_999.75, north=6_500_000.25)
    with pytest.raises(SourceError, match=r"plateau\.tif: nothing says what the raster shows"):
        source(path).units(None)
    assert tile(path, surface="dsm", vertical="EPSG:5720")["tile_id"] == "dsm_plateau"
    named = path.rename(tmp_path / "plateau_MNT.tif")
    with pytest.raises(SourceError, match="the declared surface contradicts the product name"):
        source(named, surface="dsm").units(None)


def test_the_vertical_is_stated_or_declared_and_never_guessed(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a_MNT.tif", RAMP, west=899_999.75, north=6_500_000.25)
    with pytest.raises(MissingHeightReferenceError, match=r"a_MNT\.tif"):
        read_elevation_tile(path, source(path))
    assert tile(path, vertical="EPSG:5720")["stored_reference"] == "EPSG:2154+5720"
    named = write_geotiff(tmp_path / LHD, RAMP, west=899_999.75, north=6_500_000.25)
    with pytest.raises(CrsError, match="contradicts the product name"):
        read_elevation_tile(named, source(named, vertical="EPSG:5721"))
    solid = write_geotiff(tmp_path / "b_MNT.tif", RAMP, west=2.0, north=48.0, pixel=1e-5, crs="EPSG:4979")
    with pytest.raises(MissingHeightReferenceError, match="heights above the ellipsoid"):
        read_elevation_tile(solid, source(solid, crs="EPSG:4979"))


def test_a_missing_place_is_an_error_that_a_declaration_mends(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "a_MNT.tif", RAMP, west=899_999.75, north=6_500_000.25, crs=None)
    with pytest.raises(MissingCrsError, match=r"a_MNT\.tif"):
        read_elevation_tile(path, source(path))
    assert tile(path, crs="EPSG:2154+5720")["stored_reference"] == "EPSG:2154+5720"


def test_marks_that_the_file_does_not_declare_are_void_and_told(tmp_path: Path) -> None:
    values = RAMP.copy()
    values[1, :2] = -9999
    values[2, 2] = np.nan
    path = write_geotiff(tmp_path / LHD, values, west=899_999.75, north=6_500_000.25, nodata=None)
    layer = read_elevation_tile(path, source(path))
    assert layer.frame["n_void_pixels"].tolist() == [3]
    assert layer.frame["min_elevation_m"].tolist() == [100.0]
    assert any("2 pixels at -9999 or -99999 taken as void" in note for note in layer.provenance.notes)
    values[3, 3] = -32768
    write_geotiff(path, values, west=899_999.75, north=6_500_000.25, nodata=None)
    with pytest.raises(SourceError, match="values from -32768 to 123"):
        read_elevation_tile(path, source(path))
    assert tile(path, nodata=-32768)["n_void_pixels"] == 4


def test_a_raster_of_voids_alone_is_set_aside(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / LHD, np.full((4, 6), -9999, np.float32), west=899_999.75, north=6_500_000.25)
    layer = read_elevation_tile(path, source(path))
    assert layer.counts.rejected == {"no_elevation": 1}
    assert layer.rejected["detail"].tolist() == ["none of 24 pixels has a value"]
    assert check_file(path).codes == ("reference_note", "no_elevation")


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("name", [ALTI, LHD])
def test_a_cut_download_is_refused(tmp_path: Path, name: str, part: float) -> None:
    rng = np.random.default_rng(1).normal(100, 9, (60, 60)).astype(np.float32)
    write = write_ascii_grid if name == ALTI else write_geotiff
    path = write(tmp_path / name, rng, west=900_000.0, north=6_500_000.0)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(UnreadableError, match=path.stem):
        read_elevation_tile(path, source(path))
    assert check_file(path).verdict == "unreadable"


def test_what_is_no_elevation_raster_is_refused_by_name(tmp_path: Path) -> None:
    picture = write_geotiff(tmp_path / "a_MNT.tif", np.zeros((3, 4, 6), np.uint8), west=9e5, north=6.5e6, nodata=None)
    with pytest.raises(UnsupportedError, match="3 bands of uint8: a picture"):
        read_elevation_tile(picture, source(picture))
    relief = write_geotiff(tmp_path / "b_MNT.tif", np.zeros((4, 6), np.uint8), west=9e5, north=6.5e6, nodata=None)
    with pytest.raises(UnsupportedError, match="1 band of uint8: a picture"):
        read_elevation_tile(relief, source(relief))


def test_a_folder_without_rasters_and_two_files_of_one_tile_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptySourceError, match="no elevation raster"):
        source(tmp_path).units(None)
    write_ascii_grid(tmp_path / ALTI, RAMP, west=899_999.5, north=6_500_000.5)
    (tmp_path / "old").mkdir()
    write_ascii_grid(tmp_path / "old" / ALTI, RAMP, west=899_999.5, north=6_500_000.5)
    with pytest.raises(SourceError, match="two files claim the tile rge-alti_dtm_0900_6500"):
        source(tmp_path).units(None)


def test_a_prj_states_the_crs_of_an_ascii_grid_and_other_sidecars_nothing(tmp_path: Path) -> None:
    """What takes part is part of the unit, so that a change of it is noticed."""
    path = write_ascii_grid(tmp_path / "a_MNT.asc", RAMP, west=1_699_999.5, north=6_500_000.5)
    (tmp_path / "a_MNT.asc.aux.xml").write_text("<PAMDataset><SRS>EPSG:2154</SRS></PAMDataset>")
    assert read_header(path).crs_wkt == ""
    path.with_suffix(".prj").write_text(pyproj.CRS.from_epsg(3946).to_wkt("WKT1_ESRI"))
    (unit,) = source(tmp_path).units(None)
    assert [file.name for file in unit.files] == ["a_MNT.asc", "a_MNT.prj"]
    (layer,) = source(tmp_path, vertical="EPSG:5720").read(unit, None)
    assert layer.frame["stored_reference"].tolist() == ["EPSG:3946+5720"]
    assert [file.name for file in layer.provenance.files] == ["a_MNT.asc", "a_MNT.prj"]


MNH = LHD.replace("MNS", "MNH")
HEIGHTS = np.array([[0, 0.04, -0.03, 6], [0, 7.5, 12, 31]], dtype=np.float32)  # four of eight values are bare ground


@pytest.mark.parametrize("name", [MNH, "commune_MNH50.tif", "commune-dhm.tif", "mnhc.tif", "MNH_sur_MNT.tif"])
@pytest.mark.parametrize("surface", ["dtm", "dsm"])
def test_a_name_of_heights_above_the_ground_contradicts_declared_elevations(
    tmp_path: Path, name: str, surface: str
) -> None:
    path = write_geotiff(tmp_path / name, HEIGHTS, west=899_999.75, north=6_500_000.25)
    with pytest.raises(SourceError, match="heights above the ground are declared as elevations") as refused:
        source(tmp_path, surface=surface, vertical="EPSG:5720").units(None)
    assert path.name in str(refused.value)
    assert "declare surface: dhm" in str(refused.value)


def test_a_folder_of_heights_above_the_ground_contradicts_declared_elevations_and_states_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "DHM").mkdir()
    path = write_geotiff(tmp_path / "DHM/commune.tif", HEIGHTS, west=899_999.75, north=6_500_000.25)
    with pytest.raises(SourceError, match="surface: dtm declared, DHM in the name of its folder"):
        source(tmp_path, surface="dtm", vertical="EPSG:5720").units(None)
    with pytest.raises(SourceError, match="nothing says what the raster shows"):
        source(tmp_path).units(None)
    assert tile(path, surface="dhm")["max_height_m"] == 31.0
    terrain = path.rename(path.with_name("commune_MNT.tif"))  # the file's own name counts, not that of its folder
    assert tile(terrain, surface="dtm", vertical="EPSG:5720")["surface"] == "dtm"


def test_values_that_look_like_heights_above_the_ground_are_a_doubt_where_no_name_tells(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / "commune.tif", HEIGHTS, west=899_999.75, north=6_500_000.25)
    layer = read_elevation_tile(path, source(path, surface="dtm", vertical="EPSG:5720"))
    (told,) = [note for note in layer.provenance.notes if note.startswith("warning: ")]
    assert "all from -0.03 to 31.00 m, 50% of them within 0.1 m of zero" in told
    report = check_file(path, vertical="EPSG:5720")
    assert (report.verdict, "heights_above_ground" in report.codes) == ("defects", True)
    for values in (HEIGHTS + 20, HEIGHTS * 3, np.where(HEIGHTS < 1, 2, HEIGHTS).astype(np.float32)):
        write_geotiff(path, values, west=899_999.75, north=6_500_000.25)
        assert "heights_above_ground" not in check_file(path, vertical="EPSG:5720").codes
    named = write_geotiff(tmp_path / "commune_MNT.tif", HEIGHTS, west=899_999.75, north=6_500_000.25)
    assert "heights_above_ground" not in check_file(named, vertical="EPSG:5720").codes


def test_a_folder_of_all_three_rasters_states_nothing_of_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "MNT_MNS_MNH").mkdir()
    path = write_geotiff(tmp_path / "MNT_MNS_MNH/0900.tif", RAMP, west=899_999.75, north=6_500_000.25)
    assert tile(path, surface="dtm", vertical="EPSG:5720")["surface"] == "dtm"


@pytest.mark.shared
def test_igns_heights_above_the_ground_are_no_terrain(shared: Path) -> None:
    (path,) = (shared / "data/lidar/montpellier_50m/reference/DHM").glob("*.tif")
    with pytest.raises(SourceError, match="DHM in the name of its folder"):
        source(path, surface="dtm").units(None)
    assert "heights_above_ground" in check_file(path).codes
    for surface in ("DTM", "DSM"):
        (path,) = (shared / "data/lidar/montpellier_50m/reference" / surface).glob("*.tif")
        assert "heights_above_ground" not in check_file(path).codes


@pytest.mark.parametrize(("east_m", "north_m"), [(1000, 0), (0, -1000), (-1.5, 0), (0, 1.5), (998, 0)])
def test_a_name_of_another_kilometre_than_the_pixels_is_an_error(tmp_path: Path, east_m: float, north_m: float) -> None:
    """LiDAR HD: the outer edge lies half a pixel, 0.25 m, outside the kilometre; a pixel more does not."""
    path = write_geotiff(tmp_path / LHD, RAMP, west=899_999.75 + east_m, north=6_500_000.25 + north_m)
    with pytest.raises(SourceError, match="the raster lies elsewhere than its name states") as refused:
        read_elevation_tile(path, source(path))
    assert "NORTH-WEST corner is 900000, 6500000" in str(refused.value)
    report = check_file(path)
    assert (report.verdict, "name_contradicts_place" in report.codes) == ("defects", True)


@pytest.mark.parametrize(
    ("name", "pixel", "west", "north"),
    [
        (LHD, 0.5, 899_999.75, 6_500_000.25),
        (LHD, 0.5, 900_997.25, 6_499_002.0),
        (ALTI.replace(".asc", ".tif"), 5.0, 904_960.0, 6_499_000.0),  # RGE ALTI at 5 m: tiles of 5 km
        ("BDALTIV2_25M_FXX_0900_6500_MNT_LAMB93_IGN69.tif", 25.0, 899_987.5, 6_500_012.5),
        ("commune_0100_0200_MNT_IGN69.tif", 0.5, 899_999.75, 6_500_000.25),  # no product: numbers of its own
        (LHD.replace("6500_", "6500_2023_"), 0.5, 899_999.75, 6_500_000.25),  # a year beside the kilometres
        (LHD.replace("0900_", "2023_0900_"), 0.5, 899_999.75, 6_500_000.25),
        (LHD.replace(".tif", "_1200_1200.tif"), 0.5, 899_999.75, 6_500_000.25),  # and the size of a picture
    ],
)
def test_a_raster_inside_its_named_tile_is_read(
    tmp_path: Path, name: str, pixel: float, west: float, north: float
) -> None:
    path = write_geotiff(tmp_path / name, RAMP, west=west, north=north, pixel=pixel)
    assert tile(path)["n_pixels"] == 24


def test_a_raster_moved_to_another_projection_is_not_judged_by_the_kilometres_of_its_name(tmp_path: Path) -> None:
    for name in (LHD, "LHD_FXX_0900_6500_MNS_IGN69.tif"):  # with and without a word for the projection
        path = write_geotiff(tmp_path / name, RAMP, west=1_699_999.75, north=5_200_000.25, crs="EPSG:3946")
        assert tile(path)["stored_reference"] == "EPSG:3946+5720"
    short = write_geotiff(path, RAMP, west=900_999.75, north=6_500_000.25)
    with pytest.raises(SourceError, match="elsewhere than its name states"):
        tile(short)


# --- jnt check ----------------------------------------------------------------------------------------------------


def test_a_sound_raster_is_reported_with_its_facts(tmp_path: Path) -> None:
    path = write_geotiff(tmp_path / LHD, RAMP, west=899_999.75, north=6_500_000.25)
    report = check_file(path)
    assert (report.kind, report.verdict, report.codes) == ("elevation", "sound", ("reference_note",))
    assert report.facts == {
        "format": "GeoTIFF", "product": "LiDAR HD", "surface": "dsm", "tile_id": "lidar-hd_dsm_0900_6500",
        "size": [4, 6], "n_bands": 1, "dtype": "float32", "resolution": [0.5, 0.5],
        "extent": [899_999.75, 6_499_998.25, 900_002.75, 6_500_000.25], "registration": "centres",
        "nodata": -9999.0, "crs_name": "RGF93 v1 / Lambert-93", "horizontal_crs": "EPSG:2154",
        "vertical_crs": "EPSG:5720", "n_void_pixels": 0, "range_m": [100.0, 123.0],
    }  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("name", ["rgb", "irc"])
def test_a_picture_with_an_unusable_crs_is_told(shared: Path, name: str) -> None:
    report = check_file(shared / f"data/lidar/montpellier_50m/ortho/test_data_{name}.tif")
    assert (report.kind, report.verdict) == ("raster", "defects")
    assert report.codes == ("unusable_crs", "not_elevation")
    assert report.facts["horizontal_crs"] == "EPSG:2154"
    assert report.facts["size"] == [252, 252]
    assert "EPSG:2154 taken from its name" in report.findings[0].message


@pytest.mark.shared
def test_the_south_up_raster_is_told_and_read_at_its_stated_places(shared: Path) -> None:
    path = shared / "data/lidar/bad/test_data_0000_0000_LA93_IGN69_ground_DTM_1M_Laplace.tif"
    report = check_file(path)
    assert report.verdict == "defects"
    assert report.codes == ("reference_note", "south_up", "undeclared_nodata")
    assert "106 pixels" in report.findings[2].message
    assert report.facts["n_void_pixels"] == 106
    assert report.facts["range_m"][0] > 20
    layer = read_elevation_tile(path, source(path))
    assert layer.frame["min_elevation_m"].item() > 20
    assert layer.frame.total_bounds.tolist() == [770_500, 6_277_500, 770_550, 6_277_550]
    assert any("from south to north" in note for note in layer.provenance.notes)


@pytest.mark.shared
def test_igns_reference_rasters_give_the_figures_of_their_readme(shared: Path) -> None:
    expected = {"dtm": (20.78, 21.58, 5), "dsm": (20.82, 39.37, 7), "dhm": (-0.02, 18.36, 7)}
    for surface, (low, high, n_void) in expected.items():
        (path,) = (shared / "data/lidar/montpellier_50m/reference" / surface.upper()).glob("*.tif")
        found = tile(path, surface=surface)
        word = "height" if surface == "dhm" else "elevation"
        assert found["n_void_pixels"] == n_void
        assert (found[f"min_{word}_m"], found[f"max_{word}_m"]) == pytest.approx((low, high), abs=0.006)
        assert read_header(path).registration == "centres"
