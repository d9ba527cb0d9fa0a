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
