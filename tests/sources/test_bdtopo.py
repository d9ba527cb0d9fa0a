"""BD TOPO on real files; figures are those of the files' README (``bdtopo_v3_12174``, oracle 4)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from feature_files import squares, write_features
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.base_layers.streams import collected
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import (
    EmptySourceError,
    MissingCrsError,
    MissingHeightReferenceError,
    UnreadableError,
    UnsupportedError,
)
from jnt_pipeline.sources.bdtopo import BdTopoSource
from jnt_pipeline.sources.check import check_file
from source_files import OWNER

TARGET = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
COUNTS = {
    "topo_aerodrome": 0,
    "topo_buildings": 2273,
    "topo_cimetiere": 3,
    "topo_commune": 1,
    "topo_construction_surfacique": 4,
    "topo_equipement_de_transport": 10,
    "topo_piste_d_aerodrome": 0,
    "topo_reservoir": 2,
    "topo_surface_hydrographique": 28,
    "topo_terrain_de_sport": 7,
    "topo_troncon_de_route": 1094,
    "topo_troncon_de_voie_ferree": 6,
    "topo_zone_d_activite_ou_d_interet": 21,
    "topo_zone_de_vegetation": 665,
}


def layers_of(path: Path, **fields: Any) -> dict[str, Layer]:
    source = BdTopoSource.model_validate({"path": path, **OWNER, **fields})
    return {layer.name: collected(layer) for unit in source.units(None) for layer in source.read(unit, None)}


@pytest.fixture(scope="session")
def commune(shared: Path) -> dict[str, Layer]:
    return layers_of(shared / "data/base_layers/bdtopo_v3_12174")


@pytest.mark.shared
def test_every_class_of_a_commune_gives_its_records(commune: dict[str, Layer]) -> None:
    assert {name: layer.counts.read for name, layer in sorted(commune.items())} == COUNTS
    for layer in commune.values():
        kept = normalise(layer, TARGET)
        assert kept.counts.kept == layer.counts.read, kept.rejected
        assert kept.reference is not None
        assert kept.reference.horizontal == "EPSG:2154"


@pytest.mark.shared
def test_heights_of_buildings_are_those_of_the_oracle(commune: dict[str, Layer]) -> None:
    assert commune["topo_buildings"].reference == TARGET
    frame = normalise(commune["topo_buildings"], TARGET).frame
    assert frame["topo_building_id"].nunique() == 2273
    assert np.allclose(frame.total_bounds, (661962.4, 6357933.0, 666015.2, 6362520.1), atol=0.05)
    heights = frame["height_m"]
    assert (heights.isna().sum(), (heights == 0).sum()) == (269, 15)
    assert (heights.median(), heights.max()) == (5.6, 20.3)
    ground, roof = frame["min_ground_elevation_m"], frame["min_roof_elevation_m"]
    known = heights.notna() & ground.notna() & roof.notna()
    assert known.sum() == 1615
    assert np.abs(roof - ground - heights)[known].max() < 1e-9
    assert (ground.min(), ground.max(), roof.min(), roof.max()) == (504.8, 638.1, 510.9, 643.0)
    assert frame["max_roof_elevation_m"].isna().all()
    assert not shapely.has_z(np.asarray(frame.geometry)).any()  # -1000 on 269 buildings: never a height


@pytest.mark.shared
def test_words_of_a_table_that_declares_another_encoding_are_read(commune: dict[str, Layer]) -> None:
    frame = commune["topo_buildings"].frame
    assert frame["main_use"].value_counts().to_dict() == {
        "Résidentiel": 1090,
        "Indifférencié": 920,
        "Annexe": 138,
        "Commercial et services": 92,
        "Industriel": 21,
        "Agricole": 7,
        "Sportif": 3,
        "Religieux": 2,
    }
    assert "holds UTF-8: read as UTF-8" in " ".join(commune["topo_buildings"].provenance.notes)


@pytest.mark.shared
def test_other_attributes_stay_and_a_joined_name_is_not_the_objects(commune: dict[str, Layer]) -> None:
    zones = commune["topo_zone_d_activite_ou_d_interet"].frame
    assert {"CATEGORIE", "NAT_DETAIL", "INSEE_COM"} <= set(zones.columns)
    assert "Salle Polyvalente" in set(zones["topo_name"])
    assert commune["topo_cimetiere"].frame["topo_name"].isna().all()  # NOM is that of the commune
    assert commune["topo_commune"].frame["topo_name"].tolist() == ["Olemps"]


@pytest.mark.shared
def test_roads_without_attribute_table_keep_their_geometries_under_ids_of_their_own(
    shared: Path, commune: dict[str, Layer]
) -> None:
    roads = commune["topo_troncon_de_route"]
    assert set(roads.frame.geom_type) == {"LineString", "MultiLineString"}
    assert roads.frame["topo_id"].nunique() == 1094
    assert any("(.dbf) is missing" in note for note in roads.provenance.notes)
    report = check_file(shared / "data/base_layers/bdtopo_v3_12174/TRONCON_DE_ROUTE.shp")
    assert (report.verdict, report.codes[0]) == ("defects", "missing_attribute_table")


@pytest.mark.shared
def test_names_of_2024_are_those_of_a_geopackage(shared: Path) -> None:
    layer = layers_of(shared / "data/base_layers/buildings_addresses/bdtopo_for_test.gpkg")["topo_buildings"]
    frame = normalise(layer, TARGET).frame
    heights = [1.9, None, 2.8, 4.3, 5.3, 5.6]
    assert [None if np.isnan(one) else one for one in frame["height_m"]] == heights
    difference = frame["min_roof_elevation_m"] - frame["min_ground_elevation_m"] - frame["height_m"]
    assert difference.abs().max() < 1e-9
    assert frame["rnb_ids"].notna().sum() == 5
    assert frame["updated_on"].tolist()[1] == "2019-01-24"  # written 2019-01-24T09:59:60
    assert layer.frame["is_light"].tolist() == [False] * 5 + [True]


@pytest.mark.shared
def test_five_buildings_meet_the_polygons_of_the_rnb_as_they_must(shared: Path) -> None:
    folder = shared / "data/base_layers/buildings_addresses"
    layer = layers_of(folder / "sample_bdtopo.shp")["topo_buildings"]
    assert layer.frame["rnb_ids"].tolist() == ["6", "2", "4|5|30", "3", "1|11"]
    rnb = gpd.read_file(folder / "sample_rnb.geojson").to_crs("EPSG:2154")
    met = [int(rnb.intersects(building).sum()) for building in layer.frame.geometry]
    assert met == [1, 3, 6, 1, 2]


@pytest.mark.shared
def test_check_tells_layers_heights_and_reference(shared: Path) -> None:
    report = check_file(shared / "data/base_layers/bdtopo_v3_12174/BATIMENT.shp")
    assert (report.kind, report.verdict) == ("bdtopo", "sound")
    assert report.facts["layers"] == {"topo_buildings": 2273}
    assert report.facts["heights"] == {"n_unknown": 269, "n_zero": 15, "median_m": 5.6, "highest_m": 20.3}
    assert report.facts["references"] == ["EPSG:2154+5720"]
    part = check_file(shared / "data/base_layers/bdtopo_v3_12174/BATIMENT.dbf")
    assert (part.verdict, part.codes) == ("sound", ("part_of_shapefile",))
    empty = check_file(shared / "data/base_layers/bdtopo_v3_12174/AERODROME.shp")
    assert (empty.kind, empty.verdict, empty.facts["n_records"]) == ("bdtopo", "sound", 0)


# --- references --------------------------------------------------------------------------------------------------

BUILDING = {"cleabs": ["BATIMENT0000000000000001"], "hauteur": [5.0], "altitude_minimale_sol": [30.0]}


def test_the_vertical_system_is_that_of_the_territory(tmp_path: Path) -> None:
    corsica = [shapely.box(1_180_000, 6_105_000, 1_180_010, 6_105_010)]
    path = write_features(tmp_path / "c.gpkg", corsica, BUILDING, layer="batiment")
    assert layers_of(path)["topo_buildings"].reference == Reference(horizontal="EPSG:2154", vertical="EPSG:5721")
    reunion = [shapely.box(340_000, 7_660_000, 340_010, 7_660_010)]
    path = write_features(tmp_path / "r.gpkg", reunion, BUILDING, layer="batiment", crs="EPSG:2975")
    assert layers_of(path)["topo_buildings"].reference == Reference(horizontal="EPSG:2975", vertical="EPSG:5758")


def test_buildings_of_two_territories_need_a_declared_vertical_system(tmp_path: Path) -> None:
    both = [
        shapely.box(650_000, 6_860_000, 650_010, 6_860_010),
        shapely.box(1_180_000, 6_105_000, 1_180_010, 6_105_010),
    ]
    columns = {name: values * 2 for name, values in BUILDING.items()}
    path = write_features(tmp_path / "both.gpkg", both, columns, layer="batiment")
    with pytest.raises(MissingHeightReferenceError, match=r"(?s)both\.gpkg.*Corse.*declare `vertical:`"):
        layers_of(path)
    assert layers_of(path, vertical="EPSG:5720")["topo_buildings"].reference == TARGET


def test_a_file_without_reference_is_refused_unless_one_is_declared(tmp_path: Path) -> None:
    path = write_features(tmp_path / "BATIMENT.shp", squares(1), {"ID": ["B"], "HAUTEUR": [3.0], "LEGER": ["Oui"]})
    path.with_suffix(".prj").unlink()
    with pytest.raises(MissingCrsError, match=r"(?s)BATIMENT\.shp.*no \.prj.*declare `reference:`"):
        layers_of(path)
    layer = layers_of(path, reference="EPSG:2154")["topo_buildings"]
    assert layer.reference == TARGET
    assert any("declared: EPSG:2154" in note for note in layer.provenance.notes)


# --- what is not BD TOPO, or not whole ---------------------------------------------------------------------------


def test_cut_names_that_fit_several_attributes_are_not_taken(tmp_path: Path) -> None:
    columns = {"cleabs": ["B"], "hauteur": [3.0], "altitude_m": [30.0], "altitude_1": [33.0], "constructi": ["Non"]}
    path = write_features(tmp_path / "batiment.shp", squares(1), columns)
    layer = layers_of(path)["topo_buildings"]
    assert layer.frame["min_ground_elevation_m"].isna().all()
    assert layer.frame["is_light"].tolist() == [False]
    assert layer.frame["altitude_m"].tolist() == [30.0]
    assert any("altitude_m, altitude_1" in note for note in layer.provenance.notes)


def test_nodata_elevations_are_no_elevations(tmp_path: Path) -> None:
    columns = {"cleabs": ["A", "B"], "hauteur": [-1000.0, 3.0], "altitude_minimale_sol": [-1000.0, 0.0]}
    path = write_features(tmp_path / "x.gpkg", squares(2), columns, layer="batiment")
    frame = layers_of(path)["topo_buildings"].frame
    assert frame["height_m"].isna().tolist() == [True, False]
    assert frame["min_ground_elevation_m"].tolist()[1] == 0.0  # the sea level is an elevation


def test_layers_of_a_geopackage_are_all_read_and_unknown_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "delivery.gpkg"
    write_features(path, squares(1), BUILDING, layer="batiment")
    write_features(path, squares(1), {"cleabs": ["ZONE_VEG1"], "nature": ["Bois"]}, layer="zone_de_vegetation")
    write_features(path, squares(1), {"x": [1]}, layer="lien_inconnu")
    layers = layers_of(path)
    assert list(layers) == ["topo_buildings", "topo_zone_de_vegetation"]
    assert "layers of the file that are not read: lien_inconnu" in layers["topo_buildings"].provenance.notes
    assert list(layers_of(path, layers=["topo_zone_de_vegetation"])) == ["topo_zone_de_vegetation"]


def test_answers_of_the_wfs_are_read_by_the_name_of_their_class(tmp_path: Path) -> None:
    write_features(tmp_path / "batiment.geojson", squares(2), {name: one * 2 for name, one in BUILDING.items()})
    write_features(tmp_path / "other.geojson", squares(1), {"x": [1]})
    layers = layers_of(tmp_path)
    assert {name: layer.counts.read for name, layer in layers.items()} == {"topo_buildings": 2}
    assert layers["topo_buildings"].reference == TARGET


def test_files_of_two_departements_are_units_of_their_own(tmp_path: Path) -> None:
    for departement in ("D001", "D039"):
        write_features(tmp_path / departement / "BATIMENT.shp", squares(1), {"ID": ["B"], "HAUTEUR": [3.0]})
    units = BdTopoSource.model_validate({"path": tmp_path, **OWNER}).units(None)
    assert [unit.name for unit in units] == ["D001_BATIMENT.shp", "D039_BATIMENT.shp"]
    assert {file.suffix for file in units[0].files} == {".shp", ".dbf", ".prj", ".shx", ".cpg"}


def test_what_is_no_bd_topo_is_refused_by_name(tmp_path: Path) -> None:
    path = write_features(tmp_path / "trees.gpkg", squares(1), {"essence": ["chêne"]})
    with pytest.raises(UnsupportedError, match=r"(?s)trees\.gpkg.*kind: vector"):
        layers_of(path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(EmptySourceError, match=r"BATIMENT\.shp"):
        layers_of(empty)


@pytest.mark.shared
def test_a_cut_shapefile_is_unreadable(shared: Path, tmp_path: Path) -> None:
    for suffix in (".shp", ".shx", ".dbf", ".prj"):
        shutil.copy(shared / f"data/base_layers/bdtopo_v3_12174/BATIMENT{suffix}", tmp_path)
    whole = (tmp_path / "BATIMENT.shp").read_bytes()
    (tmp_path / "BATIMENT.shp").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableError, match=r"BATIMENT\.shp"):
        layers_of(tmp_path)
    assert check_file(tmp_path / "BATIMENT.shp").verdict == "unreadable"
