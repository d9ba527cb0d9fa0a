"""The reference that a file states, as EPSG codes; and its refusal when it is not certain."""

from __future__ import annotations

import re
from pathlib import Path

import laspy
import pyproj
import pytest
import rasterio

from jnt_pipeline.crs import reference_of
from jnt_pipeline.errors import CrsError, MissingCrsError, MissingHeightReferenceError

CODES = ["2154", "9794", "3942", "3946", "3950", "27572", "27562", "25831", "2975", "4326", "4171", "4807", "2994"]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("form", ["WKT1_GDAL", "WKT1_ESRI", "WKT2_2015", "WKT2_2019"])
def test_every_form_of_wkt_gives_the_code_with_and_without_its_identifiers(code: str, form: str) -> None:
    wkt = pyproj.CRS.from_epsg(int(code)).to_wkt(form)
    bare = re.sub(r',\s*(AUTHORITY|ID)\["EPSG",\s*"?\d+"?\]', "", wkt)
    assert '"EPSG"' not in bare
    assert reference_of(wkt).code == f"EPSG:{code}"
    assert reference_of(bare).code == f"EPSG:{code}"
    assert reference_of(pyproj.CRS(bare)).code == f"EPSG:{code}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("EPSG:2154", "EPSG:2154"),
        ("urn:ogc:def:crs:EPSG::2154", "EPSG:2154"),
        ("http://www.opengis.net/def/crs/EPSG/0/2154", "EPSG:2154"),
        ("EPSG:2154+5720", "EPSG:2154+5720"),
        ("EPSG:5698", "EPSG:2154+5720"),
        ("EPSG:9785", "EPSG:9782+5720"),
        ("EPSG:10500", "EPSG:9794+5721"),
        ("EPSG:7421", "EPSG:27572+5720"),
        ("EPSG:4979", "EPSG:4979"),
        ("EPSG:4978", "EPSG:4978"),
        ("EPSG:9784", "EPSG:9782"),
        ("OGC:CRS84", "EPSG:4326"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"),
        ("IGNF:LAMB93", "EPSG:2154"),
        ("IGNF:RGF93CC46", "EPSG:3946"),
        ("IGNF:LAMBE", "EPSG:27572"),
        ("EPSG:2154\n\x00", "EPSG:2154"),
    ],
)
def test_the_usual_ways_to_name_a_system_are_read(text: str, code: str) -> None:
    assert reference_of(text).code == code


def test_projjson_and_a_compound_wkt_are_read() -> None:
    crs = pyproj.CRS("EPSG:2154+5720")
    assert reference_of(crs.to_json()).code == "EPSG:2154+5720"
    assert reference_of(crs.to_wkt("WKT1_GDAL")).code == "EPSG:2154+5720"


@pytest.mark.parametrize("text", ["", "  \x00", "foo", "LAMB93", "EPSG:999999", "PROJCS[", "EPSG:5720"])
def test_what_states_no_horizontal_system_is_refused_with_the_name_of_the_file(text: str) -> None:
    with pytest.raises(MissingCrsError) as caught:
        reference_of(text, where="parcelles.shp")
    assert caught.value.where == "parcelles.shp"
    assert caught.value.remedy


def test_parameters_without_a_datum_are_not_guessed() -> None:
    text = "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80 +units=m"
    with pytest.raises(MissingCrsError) as caught:
        reference_of(text)
    assert "EPSG:2154" in caught.value.found  # v1, v2 and v2b have the same numbers
    assert "EPSG:9794" in caught.value.found


@pytest.mark.parametrize(
    ("old", "new"),
    [("6600000", "6600001"), ("298.257222101", "298.3"), ("46.5", "46.6"), ('"metre",1', '"foot",0.3048')],
)
def test_a_system_whose_numbers_differ_is_refused_with_and_without_its_code(old: str, new: str) -> None:
    wkt = pyproj.CRS.from_epsg(2154).to_wkt("WKT1_GDAL").replace(old, new)
    with pytest.raises(MissingCrsError, match="contradict"):
        reference_of(wkt)
    with pytest.raises(MissingCrsError, match="no EPSG code"):
        reference_of(re.sub(r',AUTHORITY\["EPSG","\d+"\]', "", wkt))


def test_heights_in_us_feet_stay_in_us_feet() -> None:
    crs = pyproj.CRS("EPSG:2991+6360")
    assert reference_of(crs).code == "EPSG:2991+6360"
    wkt = crs.to_wkt("WKT1_GDAL")
    bare = re.sub(r',AUTHORITY\["EPSG","\d+"\]', "", wkt)
    assert reference_of(bare).code == "EPSG:2991+6360"
    # The code of the metric system over feet is a contradiction, whichever of the two is wrong.
    with pytest.raises(MissingHeightReferenceError, match="contradict"):
        reference_of(wkt.replace('AUTHORITY["EPSG","6360"]', 'AUTHORITY["EPSG","5703"]'))


def test_an_unknown_vertical_datum_is_no_metre_above_the_sea() -> None:
    wkt = pyproj.CRS("EPSG:2154+5720").to_wkt("WKT1_GDAL")
    bare = (
        re.sub(r',AUTHORITY\["EPSG","\d+"\]', "", wkt)
        .replace("NGF-IGN69", "Local")
        .replace("Nivellement General de la France - IGN69", "Local")
    )
    with pytest.raises(MissingHeightReferenceError):
        reference_of(bare)


def test_towgs84_of_old_writers_is_no_part_of_the_system() -> None:
    wkt = (
        pyproj.CRS.from_epsg(27572)
        .to_wkt("WKT1_GDAL")
        .replace('AUTHORITY["EPSG","6807"]', 'TOWGS84[-168,-60,320,0,0,0,0],AUTHORITY["EPSG","6807"]')
    )
    assert "TOWGS84" in wkt
    assert reference_of(wkt).code == "EPSG:27572"


# ---- real files ---------------------------------------------------------------------------------------------


def test_every_prj_of_the_real_layers_is_lambert_93(shared: Path) -> None:
    paths = sorted((shared / "data" / "base_layers").rglob("*.prj"))
    assert len(paths) > 15
    assert {reference_of(path.read_text(), where=path.name).code for path in paths} == {"EPSG:2154"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("km_0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz", "EPSG:2154"),
        ("format_variants/simple.copc.laz", "EPSG:2991+6360"),
        ("format_variants/autzen_geo_proj.las", "EPSG:2994"),
        ("format_variants/1_4_w_evlr.laz", "EPSG:2903"),
    ],
)
def test_the_reference_of_a_real_point_cloud_is_read(name: str, code: str, shared: Path) -> None:
    with laspy.open(shared / "data" / "lidar" / name) as reader:
        crs = reader.header.parse_crs()
    assert crs is not None
    assert reference_of(crs, where=name).code == code


def test_a_damaged_wkt_that_is_merely_named_epsg_2154_is_refused(shared: Path) -> None:
    path = shared / "data" / "lidar" / "montpellier_50m" / "ortho" / "test_data_rgb.tif"
    with rasterio.open(path) as raster:
        wkt = raster.crs.to_wkt()
    with pytest.raises(CrsError):
        reference_of(wkt, where=path.name)
