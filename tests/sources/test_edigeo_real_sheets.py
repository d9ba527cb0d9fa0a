"""The seven real EDIGÉO sheets: figures of their README, and the reader against GDAL's driver, object by object."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.sources.edigeo import read_edigeo, sheets_of
from jnt_pipeline.sources.edigeo.content import Content, read_content
from jnt_pipeline.sources.edigeo.lot import read_members
from jnt_pipeline.sources.edigeo.outlines import geometry_of, sides_at_fault

pytestmark = pytest.mark.shared

LAMBERT = Reference(horizontal="EPSG:2154")
FIGURES = {
    # sheet: parcels, buildings, sum of SUPF m², sum of geometric areas m² (data/README, cadastre)
    "25354000AB01": (14, 0, 399_400, 402_691.0),
    "25354000AK01": (142, 134, 96_032, 97_039.0),
    "25354000ZB01": (68, 33, 928_510, 925_492.0),
    "25354000ZC01": (78, 24, 1_112_495, 1_108_642.0),
    "25354000ZE01": (61, 4, 1_087_386, 1_084_781.0),
    "380040000B01": (111, 98, 145_002, 143_650.6),
    "380040000B02": (38, 6, 201_915, 203_738.4),
}

WHOLE = {"25354000ZC01", "380040000B01"}
"""Sheets of which GDAL reads every class; of the others, parcels and buildings: it parses the sheet for each."""


@dataclass(frozen=True)
class ReadSheet:
    """One real sheet: our layers, what they were made from, and GDAL's layers."""

    layers: Mapping[str, Layer]
    content: Content
    gdal: Mapping[str, gpd.GeoDataFrame]


@pytest.fixture(scope="module")
def read_sheets(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ReadSheet]:
    """Every real sheet, by id."""
    found = {}
    for folder in ("edigeo_25354", "edigeo_38004"):
        for sheet in sheets_of(shared / "data" / "cadastre" / folder):
            thf = sheet.files[0]
            if thf.suffix != ".THF":
                unpacked = tmp_path_factory.mktemp(sheet.sheet_id)
                with tarfile.open(thf) as archive:
                    archive.extractall(unpacked, filter="data")
                (thf,) = unpacked.glob("*.THF")
            found[sheet.sheet_id] = ReadSheet(
                layers={layer.name: layer for layer in read_edigeo(sheet.files[0])},
                content=read_content(read_members(sheet)),
                gdal={
                    name: pyogrio.read_dataframe(thf, layer=name)
                    for name, _ in pyogrio.list_layers(thf)
                    if sheet.sheet_id in WHOLE or name in {"PARCELLE_id", "BATIMENT_id"}
                },
            )
    return found


@pytest.fixture(params=FIGURES)
def sheet(request: pytest.FixtureRequest, read_sheets: Mapping[str, ReadSheet]) -> ReadSheet:
    return read_sheets[request.param]


@pytest.mark.parametrize("sheet_id", FIGURES)
def test_the_figures_of_the_readme_come_out(read_sheets: Mapping[str, ReadSheet], sheet_id: str) -> None:
    n_parcels, n_buildings, registered, area = FIGURES[sheet_id]
    layers = read_sheets[sheet_id].layers
    parcels = layers["parcels"].frame
    assert len(parcels) == n_parcels
    assert parcels["parcel_id"].is_unique
    assert set(parcels["parcel_id"].str[:10]) == {sheet_id[:10]}
    assert int(parcels["registered_area_m2"].sum()) == registered
    assert parcels.geometry.area.sum() == pytest.approx(area, abs=0.5)  # the README rounds to 1 m² or 0.1 m²
    assert parcels.geometry.is_valid.all()
    assert ("footprints" in layers) == (n_buildings > 0)
    assert n_buildings == (len(layers["footprints"].frame) if n_buildings else 0)
    assert layers["sheets"].frame["sheet_id"].tolist() == [sheet_id]
    assert all(layer.counts.read == layer.counts.kept + len(layer.rejected) for layer in layers.values())


def test_registered_and_drawn_areas_of_a_sheet_agree_within_one_and_a_half_percent(sheet: ReadSheet) -> None:
    parcels = sheet.layers["parcels"].frame
    assert parcels.geometry.area.sum() == pytest.approx(parcels["registered_area_m2"].sum(), rel=0.015)


def test_parcels_of_different_sheets_touch_along_the_known_borders(read_sheets: Mapping[str, ReadSheet]) -> None:
    expected = {("AK01", "ZB01"): 270.1, ("AK01", "ZC01"): 371.7, ("ZB01", "ZC01"): 148.8, ("ZC01", "ZE01"): 69.8}
    whole = {
        name[8:]: shapely.union_all(one.layers["parcels"].frame.geometry.to_numpy())
        for name, one in read_sheets.items()
        if name.startswith("25354")
    }
    names = sorted(whole)
    shared_length = {}
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert shapely.area(shapely.intersection(whole[a], whole[b])) == pytest.approx(0.0, abs=0.005)
            if shapely.distance(whole[a], whole[b]) < 0.0005:
                shared_length[a, b] = shapely.length(
                    shapely.intersection(shapely.boundary(whole[a]), shapely.boundary(whole[b]))
                )
    assert shared_length == pytest.approx(expected, abs=0.1)
    assert shapely.distance(whole["AB01"], whole["ZB01"]) == pytest.approx(430, abs=1)


def test_the_commune_is_the_same_on_each_of_its_sheets(read_sheets: Mapping[str, ReadSheet]) -> None:
    communes = [one.layers["communes"].frame for name, one in read_sheets.items() if name.startswith("25354")]
    assert {tuple(frame["insee_code"]) for frame in communes} == {("25354",)}
    assert [frame.geometry.area.sum() for frame in communes] == pytest.approx([6_428_598] * 5, abs=0.5)
    section_b = [
        read_sheets[name].layers["sections"].frame.geometry.iloc[0] for name in ("380040000B01", "380040000B02")
    ]
    assert section_b[0].area == pytest.approx(369_509, abs=0.5)
    assert section_b[0].equals(section_b[1])


def test_every_parcel_and_building_is_the_geometry_that_gdal_makes(sheet: ReadSheet) -> None:
    # GDAL's driver is right on these sheets; where it is not, see test_edigeo_topology and test_edigeo_grammar.
    for name in ("PARCELLE_id", "BATIMENT_id"):
        if name not in sheet.gdal:
            assert not any(f.name == name.removesuffix("_id") for f in sheet.content.features.values())
            continue
        require_same_geometries(sheet, name)


@pytest.mark.parametrize("sheet_id", sorted(WHOLE))
def test_every_object_of_every_class_is_the_geometry_that_gdal_makes(
    read_sheets: Mapping[str, ReadSheet], sheet_id: str
) -> None:
    one = read_sheets[sheet_id]
    names = [name for name in one.gdal if not name.endswith("_LABEL")]
    assert sum(require_same_geometries(one, name) for name in names) == len(one.content.features)


def require_same_geometries(sheet: ReadSheet, layer: str) -> int:
    """Compare the objects of one class with GDAL's, by identifier; returns how many there are."""
    name = layer.removesuffix("_id")
    ours = {f.key[1]: geometry_of(f, sheet.content) for f in sheet.content.features.values() if f.name == name}
    theirs = sheet.gdal[layer]
    assert set(theirs["OBJECT_RID"]) == set(ours)
    mine = np.array([ours[rid] for rid in theirs["OBJECT_RID"]], dtype=object)
    other = theirs.geometry.to_numpy()
    if sheet.content.kinds[name] == "surface":
        assert shapely.area(shapely.symmetric_difference(mine, other)).max() == 0.0
    assert shapely.hausdorff_distance(mine, other).max() == 0.0
    return len(ours)


def test_attributes_and_dates_of_parcels_and_buildings_are_those_that_gdal_reads(sheet: ReadSheet) -> None:
    theirs = sheet.gdal["PARCELLE_id"].sort_values("IDU", ignore_index=True)
    ours = sheet.layers["parcels"].frame.sort_values("parcel_id", ignore_index=True)
    assert (ours["parcel_id"].str[2:] == theirs["IDU"]).all()
    assert (ours["registered_area_m2"] == theirs["SUPF"]).all()
    assert (ours["is_surveyed"] == (theirs["COAR"] == "A")).all()
    for column, field in (("created_on", "CREAT_DATE"), ("updated_on", "UPDATE_DATE")):
        # GDAL's dates are whole numbers YYYYMMDD
        assert ours[column].str.replace("-", "").astype("int64").tolist() == theirs[field].tolist()
    if "footprints" in sheet.layers:
        buildings = sheet.gdal["BATIMENT_id"]
        types = sheet.layers["footprints"].frame["building_type"].map({"durable": "01", "light": "02"})
        assert sorted(types) == sorted(buildings["DUR"])


def test_accents_and_texts_in_several_parts_are_read_as_gdal_reads_them(read_sheets: Mapping[str, ReadSheet]) -> None:
    one = read_sheets["380040000B01"]
    labels = one.layers["cadastral_lines"].frame["label"].dropna().tolist()
    assert "Route de Peccatiére Route de Peccatiére" in labels  # TEX to TEX6, as the plan writes it
    assert one.layers["localities"].frame["locality_name"].tolist()[0] == "L'ETOURNEL"
    assert one.layers["communes"].frame["commune_name"].tolist() == ["L ALBENC"]


def test_relations_with_parcels_are_rows_whichever_end_the_plan_writes_first(
    read_sheets: Mapping[str, ReadSheet],
) -> None:
    one = read_sheets["380040000B01"]
    relations = one.layers["cadastral_relations"].frame
    # BATIMENT_PARCELLE names the building first, NUMVOIE_PARCELLE the parcel
    assert relations["relation_class"].value_counts().to_dict() == {
        "BATIMENT_PARCELLE": 119,
        "BORNE_PARCELLE": 84,
        "NUMVOIE_PARCELLE": 31,
        "SUBDFISC_PARCELLE": 14,
    }
    assert set(relations["parcel_id"]) <= set(one.layers["parcels"].frame["parcel_id"])
    buildings = relations[relations["layer_name"] == "footprints"]
    assert set(buildings["source_id"]) <= set(one.layers["footprints"].frame["footprint_id"])
    # the plan's word holds on the ground: each building meets each parcel that it is related to
    footprints = one.layers["footprints"].frame.set_index("footprint_id").geometry
    parcels = one.layers["parcels"].frame.set_index("parcel_id").geometry
    apart = shapely.distance(
        footprints.reindex(buildings["source_id"]).to_numpy(), parcels.reindex(buildings["parcel_id"]).to_numpy()
    )
    assert apart.max() < 0.2


def test_a_tax_subdivision_that_hangs_on_no_parcel_is_set_aside(read_sheets: Mapping[str, ReadSheet]) -> None:
    layer = read_sheets["25354000ZC01"].layers["tax_subdivisions"]
    assert layer.counts.model_dump() == {"read": 106, "kept": 104, "rejected": {"missing_parcel_id": 2}}
    assert layer.rejected["record"].tolist()[0].startswith("SUBDFISC Objet_1834746 (EDZC01S1.VEC, line ")


def test_each_arc_of_the_real_topologies_lies_between_two_faces(sheet: ReadSheet) -> None:
    assert sheet.content.topological == {"SeTOP_1", "SeTOP_2", "SeTOP_3"}
    assert sides_at_fault(sheet.content) == 0


def test_real_layers_are_normalised_without_losing_a_parcel_or_a_building(sheet: ReadSheet) -> None:
    for name in ("parcels", "footprints", "sheets", "sections", "communes", "localities"):
        if name in sheet.layers:
            layer = normalise(sheet.layers[name], LAMBERT)
            assert layer.counts.kept == sheet.layers[name].counts.kept, name


def test_boundary_stones_that_the_plan_draws_twice_are_kept_once(read_sheets: Mapping[str, ReadSheet]) -> None:
    native = read_sheets["380040000B01"].layers["cadastral_points"]
    layer = normalise(native, LAMBERT)
    assert layer.counts.rejected == {"duplicate_id": 1}
    assert native.frame["detail_id"].duplicated().sum() == 1


def test_ids_of_buildings_are_those_of_the_same_outlines_in_degrees(read_sheets: Mapping[str, ReadSheet]) -> None:
    # Etalab rounds to 1e-7 degree: what falls near the border of a cell of 1e-6 gets another id, the others do not.
    from jnt_pipeline.sources.footprint_ids import footprint_ids

    frame = read_sheets["25354000AK01"].layers["footprints"].frame
    degrees = frame.to_crs("EPSG:4326")
    rounded = shapely.set_precision(degrees.geometry.to_numpy(), 1e-7, mode="pointwise")
    ids = pd.Series(footprint_ids(degrees["insee_code"].to_numpy(dtype=object), rounded), index=frame.index)
    assert (ids == frame["footprint_id"]).mean() > 0.85


def test_archive_folder_and_thf_give_the_same_layers(shared: Path, tmp_path: Path) -> None:
    archive = shared / "data" / "cadastre" / "edigeo_25354" / "edigeo-25354000AB01.tar.bz2"
    folder = tmp_path / "edigeo-25354000AB01"
    folder.mkdir()
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    one, two = read_edigeo(archive), read_edigeo(folder / "E000AB01.THF")
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(a.frame), pd.DataFrame(b.frame))
    assert [file.name for file in one[0].provenance.files] == [archive.name]
    assert len(two[0].provenance.files) == 10


def test_gdal_does_not_open_the_archives_as_they_are_delivered(shared: Path) -> None:
    # why an archive is unpacked here, in memory: /vsitar/ knows no bzip2
    archive = shared / "data" / "cadastre" / "edigeo_25354" / "edigeo-25354000AB01.tar.bz2"
    with pytest.raises(pyogrio.errors.DataSourceError):
        pyogrio.list_layers(f"/vsitar/{archive}/E000AB01.THF")
    with tarfile.open(archive) as packed:
        assert "E000AB01.THF" in packed.getnames()
