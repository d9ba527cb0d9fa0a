"""The whole way of the data in a village with the past in its files: four references, two vintages, six registers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import jnt_pipeline as jnt
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders
from jnt_pipeline.errors import JntError, MissingGridError
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.samples import make_sample, sample_config
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.stages.deliver import feed_path
from jnt_pipeline.store import Workspace

LINK_TYPES = ("building-topo", "building-rnb", "topo-rnb", "rnb-parcel", "address-building", "address-parcel")


@dataclass(frozen=True)
class Village:
    """Another village than the committed one, and its twin after two vintages."""

    folder: Path
    workspace: Path

    def truth(self, name: str) -> Any:
        return json.loads((self.folder / "truth" / name).read_text(encoding="utf-8"))

    def change(self, kind: str) -> Any:
        return next(one for one in self.truth("changes.json")["changes"] if one["kind"] == kind)


@pytest.fixture(scope="module")
def grids(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(GRIDS_VARIABLE, str(shared / "geodesy" / "grids"))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
        yield
    use_grid_folders()


@pytest.fixture(scope="module")
def village(grids: None, tmp_path_factory: pytest.TempPathFactory) -> Village:
    root = tmp_path_factory.mktemp("village")
    make_sample("bourg", root / "bourg", seed=31, density=4.0)
    now = sample_config("bourg", "bourg").split("# What to publish.")[0] + "publication:\n  - kind: geoparquet\n"
    # As the README says: the folder and the vintage of before, then those of now.
    before = now.replace("path: bourg/cadastre/2026-03", "path: bourg/cadastre/2025-09")
    before = before.replace('vintage: "2026-03"', 'vintage: "2025-09"', 1)
    (root / "before.yaml").write_text(before, encoding="utf-8")
    (root / "now.yaml").write_text(now, encoding="utf-8")
    jnt.run(root / "before.yaml", root / "twin")
    jnt.run(root / "now.yaml", root / "twin")
    return Village(folder=root / "bourg", workspace=root / "twin")


@pytest.fixture(scope="module")
def name_of(village: Village) -> dict[str, str]:
    """Building of the truth → id of the one building of the twin that stands there."""
    drawn = pd.read_csv(village.folder / "truth" / "drawn.csv")
    places = gpd.GeoDataFrame(
        drawn, geometry=gpd.points_from_xy(drawn["easting_m"], drawn["northing_m"]), crs="EPSG:2154"
    )
    twin = jnt.open(village.workspace).buildings[["geometry", "building_id"]]
    found = gpd.sjoin(places, twin.rename(columns={"building_id": "id_in_twin"}), how="left")
    assert found["id_in_twin"].notna().all()
    assert found["building_id"].is_unique
    return dict(zip(found["building_id"], found["id_in_twin"], strict=True))


# -- base layers ---------------------------------------------------------------------------------------------------


def test_records_are_kept_and_set_aside_as_the_truth_counts_them(village: Village) -> None:
    expected, twin = village.truth("expected_counts.json"), jnt.open(village.workspace)
    assert {name: twin.layers[name].counts.model_dump() for name in expected["layers"]} == expected["layers"]
    observations = twin.layers["observations"].counts
    assert (observations.read, observations.kept) == tuple(expected["observations"][k] for k in ("read", "kept"))


def test_everything_lies_in_lambert_93_whatever_it_came_in(village: Village) -> None:
    layers = jnt.open(village.workspace).layers
    references = {name: layer.reference for name, layer in layers.items() if layer.reference is not None}
    assert {reference.horizontal for reference in references.values()} == {"EPSG:2154"}
    assert {reference.vertical for reference in references.values()} == {None, "EPSG:5720"}
    grids = {grid.name for grid in layers["planning_zones"].provenance.operations[-1].grids}
    assert grids == {"fr_ign_gr3df97a.tif"}  # NTF goes by the grid, not by seven parameters


def test_zones_of_the_plu_lie_on_the_streets_that_they_follow(village: Village) -> None:
    zones = jnt.open(village.workspace).layer("planning_zones").to_geopandas().set_index("label")
    frame = village.truth("ground.json")["frame"]
    angle = math.radians(frame["angle_deg"])
    turn = np.array([(math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))])
    for label, (u0, u1, v0, v1) in {"UA": (-125.0, 126.5, -40.5, 14.5), "UB": (-125.5, 126.5, 14.5, 69.5)}.items():
        corners = np.array([(u0, v0), (u1, v0), (u1, v1), (u0, v1)]) @ turn + frame["origin"]
        # Written to the centimetre.
        assert zones.geometry[label].hausdorff_distance(shapely.Polygon(corners)) < 0.009, label
    assert "2AU" not in zones.index  # it crosses itself


def test_trees_of_the_inventory_stand_where_they_were_planted(village: Village) -> None:
    trees = jnt.open(village.workspace).layer("trees").to_geopandas()
    true = pd.read_csv(village.folder / "truth" / "trees.csv")
    tree = shapely.STRtree(shapely.points(true["easting_m"], true["northing_m"]))
    (_, nearest), distance = tree.query_nearest(trees.geometry.to_numpy(), return_distance=True)
    assert distance.max() < 0.012
    # The inventory says decimetres.
    assert np.abs(trees["height_m"].to_numpy() - true["height_m"].to_numpy()[nearest]).max() < 0.051
    assert trees["trunk_diameter_m"].between(0.15, 0.55).all()
    assert set(trees["surveyed_on"]) == {"2025-06-12"}


# -- terrain, heights, model ---------------------------------------------------------------------------------------


def test_terrain_is_of_lidar_where_it_was_flown_and_of_the_raster_everywhere_else(village: Village) -> None:
    points = pd.read_csv(village.folder / "truth" / "ground_checkpoints.csv")
    window = jnt.open(village.workspace).raster("dtm").read()
    columns, rows = ~window.transform * (points["easting_m"].to_numpy(), points["northing_m"].to_numpy())
    found = window.values[rows.astype(int), columns.astype(int)]
    error = np.abs(found - points["elevation_m"].to_numpy())
    west, south, east, north = village.truth("ground.json")["flown"]
    inside = points["easting_m"].between(west + 2, east - 2) & points["northing_m"].between(south + 2, north - 2)
    outside = ~(points["easting_m"].between(west - 9, east + 9) & points["northing_m"].between(south - 9, north + 9))
    assert np.isfinite(found).all()
    assert inside.sum() > 30
    # 3 cm of noise against 15 cm; a raster of 5 m rounds the banks of the brook as well.
    assert np.median(error[inside.to_numpy()]) < 0.05
    assert 0.05 < np.median(error[outside.to_numpy()]) < 0.15


def test_heights_are_known_where_lidar_was_flown_and_said_to_be_unknown_elsewhere(
    village: Village, name_of: dict[str, str]
) -> None:
    buildings = jnt.open(village.workspace).buildings.set_index("building_id")
    true = gpd.read_file(village.folder / "truth" / "buildings.geojson").set_index("building_id")
    flown = shapely.box(*village.truth("ground.json")["flown"])
    drawn = pd.read_csv(village.folder / "truth" / "drawn.csv").set_index("building_id")
    alone = [name for name in drawn.index if drawn.loc[name, "parts"] == name]
    inside = [name for name in alone if flown.buffer(-1).contains(true.geometry[name])]
    outside = [name for name in alone if not flown.intersects(true.geometry[name])]
    assert len(inside) > 20
    assert len(outside) > 40
    known = buildings.loc[[name_of[name] for name in inside]]
    roof = known["roof_elevation_m"].to_numpy() - true.loc[inside, "roof_p90_elevation_m"].to_numpy()
    ground = known["ground_elevation_m"].to_numpy() - true.loc[inside, "ground_min_elevation_m"].to_numpy()
    assert np.nanmedian(np.abs(roof)) < 0.25
    assert np.nanmedian(np.abs(ground)) < 0.25
    unknown = buildings.loc[[name_of[name] for name in outside]]
    assert unknown["height_m"].isna().all()
    assert set(unknown["reason"]) == {"no_lidar"}


def test_the_town_hall_stands_on_its_footprint_once_its_true_reference_is_declared(village: Village) -> None:
    model = jnt.open(village.workspace).layer("bim_buildings").to_geopandas().iloc[0]
    true = gpd.read_file(village.folder / "truth" / "buildings.geojson").set_index("name")
    assert model.geometry.hausdorff_distance(true.geometry["MAIRIE"]) < 0.005
    said = village.truth("bim.json")
    assert model["top_elevation_m"] == pytest.approx(said["top_elevation_m"], abs=0.002)
    assert model["top_elevation_m"] == pytest.approx(true.loc["MAIRIE", "ridge_elevation_m"], abs=0.01)


def test_without_that_declaration_the_run_ends_and_says_what_the_numbers_look_like(
    village: Village, tmp_path: Path
) -> None:
    config = f"""
name: hall
title: Town hall
reference: EPSG:2154+5720
area: {{bbox: [836740, 6592290, 837260, 6592710]}}
sources:
  - {{kind: bim, path: {village.folder / "bim"}, producer: nobody, licence: CC0-1.0}}
"""
    (tmp_path / "hall.yaml").write_text(config, encoding="utf-8")
    with pytest.raises(JntError, match="EPSG:3946") as refusal:
        jnt.run(tmp_path / "hall.yaml", tmp_path / "twin", until="ingest")
    assert "EPSG:2154" in str(refusal.value)


def test_without_the_grid_of_ntf_the_run_ends_and_names_it(
    village: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = f"""
name: plu
title: PLU
reference: EPSG:2154+5720
area: {{bbox: [836740, 6592290, 837260, 6592710]}}
sources:
  - {{kind: urban_planning, path: {village.folder / "planning"}, producer: nobody, licence: CC0-1.0}}
"""
    (tmp_path / "plu.yaml").write_text(config, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setenv(GRIDS_VARIABLE, str(tmp_path))
        with pytest.raises(MissingGridError, match="fr_ign_gr3df97a"):
            jnt.run(tmp_path / "plu.yaml", tmp_path / "twin", until="ingest")
    use_grid_folders()


def test_check_names_what_is_wrong_with_the_files(village: Village) -> None:
    hall = check_file(village.folder / "bim" / "mairie.ifc")
    assert hall.exit_code == 1
    assert set(hall.codes) >= {"outside_crs_area", "probable_reference"}
    probable = next(one for one in hall.findings if one.code == "probable_reference")
    assert probable.remedy is not None
    assert "EPSG:3946" in probable.remedy
    assert "invalid_geometry" in check_file(village.folder / "planning" / "ZONE_URBA.shp").codes
    inventory = check_file(village.folder / "inventory" / "espaces_verts.gpkg")
    assert set(inventory.codes) >= {"invalid_geometry", "missing_geometry", "mapping_needed"}
    assert check_file(village.folder / "cadastre" / "2026-03" / "edigeo-71999000AB01.tar.bz2").exit_code == 0
    assert check_file(village.folder / "bdtopo" / "BATIMENT.shp").exit_code == 0


# -- identities ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link_type", LINK_TYPES)
def test_links_between_registers_are_found(village: Village, name_of: dict[str, str], link_type: str) -> None:
    truth = pd.read_csv(village.folder / "truth" / "links.csv")
    of_type = truth[truth["link_type"] == link_type]
    ids = of_type[["source_id", "target_id"]].map(lambda one: name_of.get(one, one))
    true = set(zip(ids["source_id"], ids["target_id"], strict=True))
    links = jnt.open(village.workspace).links
    links = links[links["link_type"] == link_type]
    found = set(zip(links["source_id"], links["target_id"], strict=True))
    assert len(true) > 50
    assert len(true & found) >= 0.95 * len(true), sorted(true - found)
    assert len(true & found) >= 0.93 * len(found), sorted(found - true)


# -- editions ------------------------------------------------------------------------------------------------------


def test_changes_between_the_vintages_are_those_of_the_story(village: Village, name_of: dict[str, str]) -> None:
    changes = jnt.open(village.workspace).layer("changes").to_geopandas()
    parcels = changes[changes["layer"] == "parcels"].set_index("change_type")
    assert sorted(parcels.index) == ["merged", "shifted", "split"]
    divided, merged = village.change("divided"), village.change("merged")
    assert json.loads(parcels.loc["split", "old_ids"]) == divided["before"]
    assert sorted(json.loads(parcels.loc["split", "new_ids"])) == divided["after"]
    assert sorted(json.loads(parcels.loc["merged", "old_ids"])) == merged["before"]
    assert json.loads(parcels.loc["merged", "new_ids"]) == merged["after"]
    again = village.change("section surveyed again")
    footprints = changes[changes["layer"] == "footprints"].set_index("change_type")
    assert sorted(footprints.index) == ["created", "modified", "removed", "shifted"]
    for table, number in ((parcels, again["n_parcels"]), (footprints, again["n_footprints"])):
        shifted = table.loc["shifted"]
        assert len(json.loads(shifted["new_ids"])) == number
        moved = json.loads(shifted["evidence"])["shift_m"]
        assert np.abs(np.array(moved) - again["moved_by_m"]).max() < 0.005
    barn = shapely.Point(village.change("torn down")["at"])
    assert footprints.geometry["removed"].distance(barn) < 10.0
    for kind, told in (("created", "built"), ("modified", "extended")):
        (footprint_id,) = json.loads(footprints.loc[kind, "new_ids"])
        twin = jnt.open(village.workspace).buildings.set_index("footprint_id")
        assert twin.loc[footprint_id, "building_id"] == name_of[village.change(told)["building_id"]]


def test_the_house_that_was_extended_keeps_its_id_and_old_parcels_are_found_again(village: Village) -> None:
    twin = jnt.open(village.workspace)
    changes = twin.layer("changes").to_pandas()
    extended = changes[(changes["layer"] == "footprints") & (changes["change_type"] == "modified")].iloc[0]
    assert extended["old_ids"] == extended["new_ids"]
    aliases = twin.layer("aliases").to_pandas()
    (divided,) = village.change("divided")["before"]
    assert sorted(aliases.loc[aliases["alias"] == divided, "id"]) == village.change("divided")["after"]


def test_no_change_is_told_of_the_sheet_that_nobody_touched(village: Village) -> None:
    changes = jnt.open(village.workspace).layer("changes").to_geopandas()
    assert set(changes["layer"]) == {"parcels", "footprints", "cadastral_points"}  # boundary stones moved as well
    meadows = (
        jnt.open(village.workspace).layer("sections").to_geopandas().set_index("section_id").geometry["71999000ZA"]
    )
    assert not changes.geometry.intersects(meadows.buffer(-1)).any()
    assert village.change("untouched")["section"] == "ZA"


# -- feed ----------------------------------------------------------------------------------------------------------


def test_alerts_are_those_the_story_tells(village: Village) -> None:
    told = village.truth("alerts.json")
    with Feed.open(feed_path(Workspace.at(village.workspace))) as feed:
        logged = [event.document for event in feed.events(after=None, limit=1000).events]
    alerts = [
        event["data"] | {"type": event["type"], "time": event["time"]} for event in logged if "rule_id" in event["data"]
    ]
    found = sorted((a["type"].split(".")[-2], a["rule_id"], a["time"], a["value"]) for a in alerts)
    assert found == sorted((a["kind"], a["rule_id"], a["phenomenon_at"], a["result"]) for a in told)
