"""The whole way of the data on a generated town: right, repeatable to the byte, and safe against every accident."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import laspy
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml
from shapely.geometry import Point

import jnt_pipeline as jnt
from jnt_pipeline import disk
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.runner import LocalRunner
from jnt_pipeline.samples import sample_config
from jnt_pipeline.stages.deliver import feed_path
from jnt_pipeline.store import Workspace
from jnt_pipeline.territory.solids import solids_of, validate_solid
from published import events, published
from towns import Town

# -- what comes out ------------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_generator(town: Town) -> None:
    expected = json.loads(town.truth("expected_counts.json").read_text())
    twin = jnt.open(town.workspace)
    for name, counts in expected["layers"].items():
        assert twin.layers[name].counts.model_dump() == counts, name
    observations = twin.layers["observations"].counts
    assert observations.read == expected["observations"]["read"]
    assert observations.kept == expected["observations"]["kept"]
    assert observations.rejected == {
        "bad_timestamp": expected["observations"]["bad_timestamps"],
        "bad_result": expected["observations"]["not_numeric"],
    }


def test_every_layer_adds_up_and_states_its_reference(town: Town) -> None:
    twin = jnt.open(town.workspace)
    for name, layer in twin.layers.items():
        assert layer.counts.kept == len(layer.to_pandas()), name
        assert sum(layer.counts.rejected.values()) == len(layer.rejected()), name
        if isinstance(layer.to_pandas(), gpd.GeoDataFrame):
            assert layer.reference is not None
            assert layer.reference.horizontal == "EPSG:2154"


def test_building_heights_are_recovered(town: Town) -> None:
    """Median error of height, roof and ground ≤ 0.25 m (the issue's figure) against the generator's truth."""
    buildings = jnt.open(town.workspace).buildings
    truth = gpd.read_file(town.truth("buildings.geojson")).set_crs("EPSG:2154", allow_override=True)
    solid = buildings[buildings["lod"] == "1"]
    points = truth.set_geometry(truth.geometry.representative_point())
    found = gpd.sjoin(points, solid[["geometry", "building_id", "height_m", "roof_elevation_m", "ground_elevation_m"]])
    in_cadastre = truth["in_cadastre"] != "missing"
    assert len(found) >= 0.97 * in_cadastre.sum()
    # The same conventions: percentile 90 of the roof in plan, lowest ground along the outline.
    roof = found["roof_p90_elevation_m"] - found["roof_elevation_m"]
    ground = found["ground_min_elevation_m"] - found["ground_elevation_m"]
    height = found["roof_p90_elevation_m"] - found["ground_min_elevation_m"] - found["height_m"]
    for error in (roof, ground, height):
        assert error.abs().median() <= 0.25
        assert error.abs().quantile(0.9) <= 0.5  # footprints shifted on purpose


def test_roofs_are_recognised_and_published_with_their_faces(town: Town) -> None:
    """Type and number of faces of 95 % of the roofs; each solid of CityJSON reaches the ridge that the layer states."""
    twin = jnt.open(town.workspace)
    buildings, faces = twin.buildings, twin.layer("roof_faces").to_geopandas()
    detailed = buildings[buildings["roof_lod"] == "2.2"]
    truth = gpd.read_file(town.truth("buildings.geojson")).set_crs("EPSG:2154", allow_override=True)
    spots = gpd.GeoDataFrame(
        detailed[["building_id", "roof_type", "n_roof_faces"]], geometry=detailed.representative_point()
    )
    pairs = gpd.sjoin(spots, truth[["roof_type", "geometry"]], predicate="within")
    expected = {"flat": 1, "gabled": 2, "hipped": 4}
    simple = pairs[pairs["roof_type_right"].isin(expected)]
    right = (simple["roof_type_left"] == simple["roof_type_right"]) & (
        simple["n_roof_faces"] == simple["roof_type_right"].map(expected)
    )
    assert len(simple) > 100
    assert right.mean() >= 0.95
    (path,) = (town.workspace / "publication/cityjson").glob("*.city.json")
    model = json.loads(path.read_text())
    heights = np.array(model["vertices"])[:, 2] * model["transform"]["scale"][2] + model["transform"]["translate"][2]
    for row in detailed.itertuples():
        shells = [shell for shell in model["CityObjects"][row.building_id]["geometry"] if shell["lod"] == "2.2"]
        (solid,) = shells
        corners = {i for face in solid["boundaries"][0] for ring in face for i in ring}
        assert heights[sorted(corners)].max() == pytest.approx(row.ridge_elevation_m, abs=0.002)
        kinds = [solid["semantics"]["surfaces"][i]["type"] for i in solid["semantics"]["values"][0]]
        assert kinds.count("RoofSurface") == (faces["building_id"] == row.building_id).sum()


def test_every_footprint_has_a_solid_or_a_reason(town: Town) -> None:
    twin = jnt.open(town.workspace)
    buildings = twin.buildings
    assert sorted(buildings["footprint_id"]) == sorted(twin.layer("footprints").to_geopandas()["footprint_id"])
    has_solid = buildings["lod"] == "1"
    assert (buildings.loc[has_solid, "reason"].fillna("") == "").all()
    assert (buildings.loc[~has_solid, "reason"].fillna("") != "").all()
    for row in buildings[has_solid].itertuples():
        for solid in solids_of(row.geometry, row.ground_elevation_m, row.roof_elevation_m):
            assert validate_solid(solid, 0.001) == ()


def test_roofs_and_footprints_that_the_generator_left_out_are_told(town: Town) -> None:
    """The kiosk and the bus shelter are smaller than a candidate."""
    anomalies = json.loads(town.truth("anomalies.json").read_text())
    truth = gpd.read_file(town.truth("buildings.geojson")).set_crs("EPSG:2154", allow_override=True)
    unregistered = {a["building_id"] for a in anomalies if a["kind"] == "building without footprint"}
    large = truth[truth["building_id"].isin(unregistered) & (truth.area >= 12)]
    changes = jnt.open(town.workspace).layer("building_changes").to_geopandas()
    candidates = changes[changes["change_kind"] == "roof_without_footprint"]
    assert len(candidates) == len(large) > 0
    pairs = gpd.sjoin(large, candidates, predicate="intersects")
    assert set(pairs["building_id_left"]) == set(large["building_id"])
    overlaps = large.loc[pairs.index].intersection(candidates.loc[pairs["index_right"]], align=False).area
    assert (overlaps / large.loc[pairs.index].area).min() > 0.9  # the rim of a roof has fewer returns
    assert set(candidates["reason"]) == {"candidate_building"}
    demolished = [Point(a["at"]) for a in anomalies if a["kind"] == "footprint without building"]
    gone = changes[changes["change_kind"] == "footprint_without_roof"]
    assert len(gone) == len(demolished) > 0
    assert all(gone.intersects(at).any() for at in demolished)
    assert set(changes["registered_on"]) == {"2026-03-01"}
    assert changes["flown_on"].str.fullmatch(r"2025-03-\d\d/2025-03-\d\d").all()


def test_terrain_is_that_of_the_generator(town: Town) -> None:
    """Check points of the generator on open ground: its noise is 3 cm, its slopes up to 1 in 3."""
    points = pd.read_csv(town.truth("ground_checkpoints.csv"))
    window = jnt.open(town.workspace).raster("dtm").read()
    columns, rows = ~window.transform * (points.iloc[:, 0].to_numpy(), points.iloc[:, 1].to_numpy())
    inside = (rows >= 0) & (rows < window.values.shape[0]) & (columns >= 0) & (columns < window.values.shape[1])
    found = window.values[rows[inside].astype(int), columns[inside].astype(int)]
    error = np.abs(found - points.iloc[:, 2].to_numpy()[inside])
    assert np.isfinite(error).mean() > 0.95
    assert np.nanmedian(error) < 0.06


def test_the_links_of_the_generator_are_found(town: Town) -> None:
    twin = jnt.open(town.workspace)
    links = twin.links
    assert set(links["link_type"]) == {"building-parcel", "bim-building", "sensor-building", "sensor-parcel"}
    assert links["score"].between(0, 1).all()
    assert links["linked_on"].eq("2026-03-01").all()  # newest vintage of the description, not today
    truth = gpd.read_file(town.truth("buildings.geojson")).set_crs("EPSG:2154", allow_override=True)
    # Which of our buildings stands on the place of each of the generator's.
    points = truth.set_geometry(truth.geometry.representative_point())
    ours = gpd.sjoin(points[["geometry", "building_id"]], twin.buildings[["geometry", "building_id"]])
    name = dict(zip(ours["building_id_left"], ours["building_id_right"], strict=True))
    expected = pd.read_csv(town.truth("links.csv"), dtype=str)
    pairs = set(zip(links["link_type"], links["source_id"], links["target_id"], strict=True))
    checked, missing = 0, []
    for row in expected.itertuples():
        building = name.get(row.building_id)
        if building is None:  # no footprint in the cadastre, on purpose
            continue
        checked += 1
        pair = {
            "building-parcel": ("building-parcel", building, row.other_id),
            "sensor-building": ("sensor-building", row.other_id, building),
            "building-bim": ("bim-building", twin.layer("bim_buildings").to_pandas()["bim_building_id"][0], building),
        }[str(row.kind)]
        missing += [] if pair in pairs else [pair]
    assert checked > 150
    # One building stands with a sliver on a second parcel; one parcel is spoilt on purpose.
    assert len(missing) <= 0.02 * checked, missing


def test_alerts_are_those_the_story_tells(town: Town) -> None:
    told = json.loads(town.truth("alerts.json").read_text())
    with Feed.open(feed_path(Workspace.at(town.workspace))) as feed:
        logged = [event.document for event in feed.events(after=None, limit=1000).events]
    found = sorted((e["type"].split(".")[-2], e["data"]["rule_id"], e["time"], e["data"]["value"]) for e in logged)
    assert found == sorted((a["kind"], a["rule_id"], a["phenomenon_at"], a["result"]) for a in told)


# -- again, and elsewhere ------------------------------------------------------------------------------------------


def test_a_second_run_makes_nothing(town: Town) -> None:
    before = published(town.workspace), events(town.workspace)
    report = jnt.run(town.config, town.workspace)
    assert dict(report.units.made) == {}
    assert report.delivery is not None
    assert report.delivery.received == 0
    assert (published(town.workspace), events(town.workspace)) == before


def test_the_bytes_do_not_depend_on_date_hash_seed_locale_or_workers(town: Town, tmp_path: Path) -> None:
    code = (
        "import sys, datetime, time\n"
        "real = time.time\n"
        "time.time = lambda: real() + 86400 * 400\n"
        "class Later(datetime.date):\n"
        "    @classmethod\n"
        "    def today(cls): return cls(2031, 2, 3)\n"
        "datetime.date = Later\n"
        "import jnt_pipeline as jnt\n"
        "from jnt_pipeline.runner import LocalRunner\n"
        "jnt.run(sys.argv[1], sys.argv[2], runner=LocalRunner(workers=3, mode='processes'))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "LC_ALL": "C", "LANG": "C", "TZ": "Asia/Tokyo"}
    workspace = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-c", code, str(town.config), str(workspace)], check=True, env=environment)
    assert published(workspace) == published(town.workspace)
    assert events(workspace) == events(town.workspace)


@pytest.mark.parametrize("damage", ["deleted", "truncated", "corrupted at equal size"])
def test_a_damaged_publication_is_made_again(town: Town, tmp_path: Path, damage: str) -> None:
    workspace = tmp_path / "twin"
    shutil.copytree(town.workspace, workspace, symlinks=True)
    victim = max((workspace / "publication" / "geoparquet").rglob("*.parquet"))
    content = victim.read_bytes()
    victim.unlink()
    if damage == "truncated":
        victim.write_bytes(content[:-7])
    elif damage == "corrupted at equal size":
        victim.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    report = jnt.run(town.config, workspace)
    assert list(report.units.made) == ["export/geoparquet"]
    assert published(workspace) == published(town.workspace)


def test_only_the_cone_of_a_changed_file_is_made(town: Town, tmp_path: Path) -> None:
    """A changed observation touches neither terrain nor buildings."""
    shutil.copytree(town.folder, tmp_path / "rive")
    shutil.copytree(town.workspace, tmp_path / "twin", symlinks=True)
    shutil.copy(town.config, tmp_path / "rive.yaml")
    table = tmp_path / "rive" / "sensors" / "observations.csv"
    first = pd.read_csv(table)["datastream_id"].iloc[0]
    with table.open("a") as stream:
        stream.write(f"{first},2026-03-09T00:00:00Z,1.5\n")
    report = jnt.run(tmp_path / "rive.yaml", tmp_path / "twin")
    steps = {unit.split("/")[0] for unit in report.units.made}
    # Links and quality name the files of the stations among their origins.
    assert steps == {"ingest", "links", "quality", "export"}
    assert report.delivery is not None
    assert report.delivery.stored == 1


CUTS = {
    "one file": [[(0, 9e9)]],
    "strips across buildings": [[(0, 618905)], [(618905, 619021)], [(619021, 9e9)]],
    "overlapping boxes, west and east mixed": [[(0, 618850), (619100, 9e9)], [(618850, 619100)]],
}
"""How the points of the town are dealt out to files: eastings of the strips of each file."""


@pytest.mark.parametrize("cut", CUTS)
def test_the_result_does_not_depend_on_how_points_are_cut_into_files(town: Town, tmp_path: Path, cut: str) -> None:
    """Difference 0, to the last bit, with a void of 30 m over the edge of the tiles; published whole."""
    tiles = [laspy.read(tile) for tile in sorted((town.folder / "lidar").glob("*.laz"))]
    records = np.concatenate([tile.points.array for tile in tiles])
    header = tiles[0].header
    easting = records["X"] * header.scales[0] + header.offsets[0]
    is_void = (easting >= 618985) & (easting < 619015)

    def twin_of(folder: Path, files: list[list[tuple[float, float]]], names: list[str]) -> jnt.Territory:
        (folder / "lidar").mkdir(parents=True)
        for strips, name in zip(files, names, strict=True):
            inside = np.any([(easting >= west) & (easting < east) for west, east in strips], axis=0)
            las = laspy.LasData(header)
            las.points = laspy.ScaleAwarePointRecord(
                records[inside & ~is_void], tiles[0].point_format, header.scales, header.offsets
            )
            las.write(folder / "lidar" / name)
        config = yaml.safe_load(town.config.read_text())
        config["sources"] = [source for source in config["sources"] if source["kind"] in {"lidar", "cadastre"}]
        for source in config["sources"]:
            source["path"] = "lidar" if source["kind"] == "lidar" else str(town.folder / "cadastre")
        config["publication"] = [{"kind": "cog"}]
        (folder / "twin.yaml").write_text(yaml.safe_dump(config))
        jnt.run(folder / "twin.yaml", folder / "twin", until="export")
        return jnt.open(folder / "twin")

    names = [tile.name for tile in sorted((town.folder / "lidar").glob("*.laz"))]
    tiled = twin_of(tmp_path / "tiled", [[(0, 619000)], [(619000, 9e9)]], names)
    other = twin_of(tmp_path / "other", CUTS[cut], [f"part{i}_LAMB93_IGN69.laz" for i in range(len(CUTS[cut]))])
    for name in ("dtm", "dsm", "dhm", "chm"):
        expected = tiled.raster(name).read()
        found = other.raster(name).read()
        assert found.transform == expected.transform
        np.testing.assert_array_equal(found.values, expected.values)
    frames = [
        one.buildings.sort_values("building_id", ignore_index=True).drop(columns="geometry") for one in (other, tiled)
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    window = tiled.raster("dtm").read((618985, 6754400, 619015, 6754600))
    assert np.isfinite(window.values).all()  # 30 m are bridged: void_max_m is 100
    seam = shapely.LineString([(619000, 6754000), (619000, 6755000)])
    crossing = tiled.buildings[tiled.buildings.geometry.intersects(seam)]
    assert len(crossing) >= 3
    assert crossing["ground_elevation_m"].notna().all()


def test_a_point_cloud_in_another_crs_is_rewritten_and_gives_the_same_terrain(town: Town, tmp_path: Path) -> None:
    """The western tile as if delivered in CC48, without a product name: the same terrain within 2 cm."""
    tile = sorted((town.folder / "lidar").glob("*.laz"))[0]
    (tmp_path / "lidar").mkdir()
    las = laspy.read(tile)
    xyz = np.column_stack([las.x, las.y, las.z])
    plane, _ = jnt.crs.transform(xyz[:, :2], "EPSG:2154", "EPSG:3948")
    moved = laspy.LasData(laspy.LasHeader(version="1.4", point_format=6))
    moved.header.scales, moved.header.offsets = [0.001] * 3, [plane[0, 0].round(), plane[0, 1].round(), 0.0]
    moved.x, moved.y, moved.z, moved.classification = plane[:, 0], plane[:, 1], xyz[:, 2], np.array(las.classification)
    moved.write(tmp_path / "lidar" / "livraison_CC48.laz")
    config = yaml.safe_load(town.config.read_text())
    config["sources"] = [source for source in config["sources"] if source["kind"] == "lidar"]
    config["sources"][0] |= {"path": "lidar", "crs": "EPSG:3948+5720"}
    (tmp_path / "cc48.yaml").write_text(yaml.safe_dump(config))
    jnt.run(tmp_path / "cc48.yaml", tmp_path / "twin", until="assemble")
    twin = jnt.open(tmp_path / "twin")
    (operation,) = [one for one in twin.layer("point_clouds").provenance.operations if one.source != one.target]
    assert (operation.source, operation.target) == ("EPSG:3948+5720", "EPSG:2154+5720")
    box = (618800.0, 6754400.0, 618950.0, 6754600.0)  # well inside the tile
    there = twin.raster("dtm").read(box).values
    here = jnt.open(town.workspace).raster("dtm").read(box).values
    assert there.shape == here.shape
    difference = np.abs(there - here)
    assert np.nanquantile(difference, 0.99) < 0.02  # points moved by less than their millimetre of rounding
    rerun = jnt.run(tmp_path / "cc48.yaml", tmp_path / "twin", until="assemble")
    assert dict(rerun.units.made) == {}


# -- accidents -----------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """Power goes off."""


@pytest.fixture(scope="session")
def hamlet(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only the sensors of the town: a whole twin in a moment, so that every crash can be tried."""
    root = tmp_path_factory.mktemp("hamlet")
    config = yaml.safe_load(sample_config("rive", str(town.folder)))
    config["sources"] = [source for source in config["sources"] if source["kind"] == "sensors"]
    config["publication"] = [{"kind": "geoparquet"}]
    (root / "hamlet.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return root / "hamlet.yaml"


def test_a_crash_at_every_write_fsync_and_rename_changes_nothing(hamlet: Path, tmp_path: Path) -> None:
    jnt.run(hamlet, tmp_path / "whole")
    whole = published(tmp_path / "whole"), events(tmp_path / "whole")
    calls = 0
    with pytest.MonkeyPatch.context() as patch:
        counted = _strike(patch, None)
        jnt.run(hamlet, tmp_path / "counted")
        calls = len(counted)
    assert calls > 60
    for n in range(1, calls + 1):
        workspace = tmp_path / f"crash-{n}"
        with pytest.MonkeyPatch.context() as patch:
            _strike(patch, n)
            with pytest.raises(Crash):
                jnt.run(hamlet, workspace, runner=LocalRunner(workers=1))
        jnt.run(hamlet, workspace)
        assert (published(workspace), events(workspace)) == whole, f"crash at operation {n} of {calls}"
        shutil.rmtree(workspace)


def _strike(patch: pytest.MonkeyPatch, n: int | None) -> list[str]:
    seen: list[str] = []
    for name in ("write", "fsync", "replace"):
        real = getattr(disk, name)

        def struck(*arguments: object, name: str = name, real: object = real) -> object:
            seen.append(name)
            if len(seen) == n:
                raise Crash
            return real(*arguments)  # type: ignore[operator]

        patch.setattr(disk, name, struck)
    return seen


def test_kill_9_at_seeded_moments_changes_nothing(town: Town, tmp_path: Path) -> None:
    """Killed after the first unit, at three random moments of one and the same workspace; then run to the end."""
    workspace = tmp_path / "twin"
    chance = random.Random(20261124)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys, jnt_pipeline as jnt; jnt.run(*sys.argv[1:])", town.config, workspace]
        )
        end = time.monotonic() + 120
        known = len(list((workspace / "manifest").rglob("*.json")))
        while time.monotonic() < end and process.poll() is None:
            if len(list((workspace / "manifest").rglob("*.json"))) > known:
                break
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL  # it was at work, and did not end by itself
    report = jnt.run(town.config, workspace)
    assert report.units.skipped  # what had been made was kept
    assert published(workspace) == published(town.workspace)
    assert events(workspace) == events(town.workspace)


def test_unknown_names_are_answered_with_the_known_ones(town: Town) -> None:
    twin = jnt.open(town.workspace)
    with pytest.raises(jnt.JntError, match="parcels"):
        twin.layer("parcel")
    with pytest.raises(jnt.JntError, match="dtm"):
        twin.raster("mnt")


def test_a_twin_is_published_whole(town: Town) -> None:
    kinds: Mapping[str, object] = jnt.open(town.workspace).publications
    assert set(kinds) == {"geoparquet", "cog", "cityjson", "3dtiles", "stac"}
    assert sorted(os.listdir(town.workspace / "publication")) == sorted(kinds)
