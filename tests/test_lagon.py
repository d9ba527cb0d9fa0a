"""The whole way of the data on a coast of La Réunion: right in UTM 40S and REUN89, and not a word of the mainland."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import rasterio
from scipy.spatial import cKDTree

import jnt_pipeline as jnt
from hypervisor.feeding import listening
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders
from jnt_pipeline.errors import MissingGridError
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.hypervisor.server import create_app
from jnt_pipeline.samples import make_sample, sample_config
from jnt_pipeline.stages.deliver import feed_path
from jnt_pipeline.store import Workspace
from jnt_pipeline.territory.roofs.layer import solids_of_roof
from publication_checks import read_glb, tiles_of
from published import events, manifest, published

GRID = "fr_ign_RAR07_bl.tif"


@dataclass(frozen=True)
class Coast:
    """Another coast than the committed one, thinner to be quick, and its twin."""

    folder: Path
    config: Path
    workspace: Path

    def truth(self, name: str) -> Any:
        return json.loads((self.folder / "truth" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def grid_file(shared: Path) -> Path:
    return shared / "geodesy" / "grids" / GRID


@pytest.fixture(scope="module")
def grids(grid_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that holds the grid of La Réunion and no other, on PROJ's path while these tests last."""
    folder = tmp_path_factory.mktemp("grids")
    shutil.copy(grid_file, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(GRIDS_VARIABLE, str(folder))
        patch.setenv("XDG_DATA_HOME", str(folder / "home"))
        yield folder
    use_grid_folders()


@pytest.fixture(scope="module")
def coast(grids: Path, tmp_path_factory: pytest.TempPathFactory) -> Coast:
    root = tmp_path_factory.mktemp("coast")
    make_sample("lagon", root / "lagon", seed=31, density=2.5)
    config = root / "lagon.yaml"
    config.write_text(sample_config("lagon", "lagon"), encoding="utf-8")
    jnt.run(config, root / "twin")
    return Coast(folder=root / "lagon", config=config, workspace=root / "twin")


@pytest.fixture(scope="module")
def true_buildings(coast: Coast) -> gpd.GeoDataFrame:
    """The generator's buildings, at a point inside each."""
    truth = gpd.read_file(coast.folder / "truth" / "buildings.geojson")
    assert truth.crs.to_epsg() == 2975  # the file says it
    return truth.set_geometry(truth.geometry.representative_point())


# -- what comes out ------------------------------------------------------------------------------------------------


def test_heights_above_the_ground_are_in_no_height_system(coast: Coast) -> None:
    """Else a reader that moves them to the ellipsoid would add the undulation to the height of a roof or a tree."""
    published = coast.workspace / "publication"
    for name, vertical in (("dtm", "EPSG:5758"), ("dsm", "EPSG:5758"), ("dhm", None), ("chm", None)):
        with rasterio.open(published / "cog" / f"{name}.tif") as dataset:
            assert [part.to_epsg() for part in parts_of(dataset)] == ([2975, 5758] if vertical else [2975])
            assert dataset.tags()["VERTICAL_CRS"] == (vertical or "null")
            dataset_name = dataset.tags()["REFERENCE_NAME"]
        item = json.loads((published / "stac" / "lagon" / f"cog-{name}" / f"cog-{name}.json").read_text())
        assert item["properties"]["jnt:vertical_crs"] == vertical
        said = "UTM 40S (RGR92) + REUN89" if vertical else "UTM 40S (RGR92)"
        assert item["properties"]["jnt:reference_name"] == dataset_name == said
        assert jnt.open(coast.workspace).raster(name).reference.vertical == vertical


def test_counts_are_those_of_the_generator(coast: Coast) -> None:
    expected, twin = coast.truth("expected_counts.json"), jnt.open(coast.workspace)
    for name, counts in expected["layers"].items():
        assert twin.layers[name].counts.model_dump() == counts, name
    observations = twin.layers["observations"].counts
    assert (observations.read, observations.kept) == tuple(expected["observations"][k] for k in ("read", "kept"))
    assert len(twin.buildings) == expected["layers"]["footprints"]["kept"]


def test_every_layer_lies_in_utm_40s_with_reun89_where_it_has_heights(coast: Coast) -> None:
    references = {
        name: (layer.reference.horizontal, layer.reference.vertical)
        for name, layer in jnt.open(coast.workspace).layers.items()
        if layer.reference is not None
    }
    flat = {"communes", "sections", "parcels", "footprints", "building_changes"}
    assert {name for name, found in references.items() if found == ("EPSG:2975", None)} == flat
    with_heights = {name for name, found in references.items() if found == ("EPSG:2975", "EPSG:5758")}
    assert with_heights == set(references) - flat >= {"buildings", "bim_buildings", "point_clouds", "stations"}


def test_heights_of_buildings_are_recovered(coast: Coast, true_buildings: gpd.GeoDataFrame) -> None:
    buildings = jnt.open(coast.workspace).buildings
    solid = buildings[buildings["lod"] == "1"]
    found = gpd.sjoin(
        true_buildings, solid[["geometry", "height_m", "roof_elevation_m", "ground_elevation_m"]], how="inner"
    )
    assert len(found) >= 0.97 * (true_buildings["in_cadastre"] != "missing").sum()
    # The same conventions: percentile 90 of the roof in plan, lowest ground along the outline.
    roof = found["roof_p90_elevation_m"] - found["roof_elevation_m"]
    ground = found["ground_min_elevation_m"] - found["ground_elevation_m"]
    height = found["roof_p90_elevation_m"] - found["ground_min_elevation_m"] - found["height_m"]
    for error in (roof, ground, height):
        assert error.abs().median() <= 0.25  # the figure of the sample of the mainland
        assert error.abs().quantile(0.9) <= 0.5  # two footprints are shifted on purpose


def test_terrain_is_the_ground_of_the_generator_and_the_water_where_there_is_water(coast: Coast) -> None:
    points = pd.read_csv(coast.folder / "truth" / "ground_checkpoints.csv")
    window = jnt.open(coast.workspace).raster("dtm").read()
    columns, rows = ~window.transform * (points["easting_m"].to_numpy(), points["northing_m"].to_numpy())
    found = window.values[rows.astype(int), columns.astype(int)]
    error = np.abs(found - points["elevation_m"].to_numpy())
    assert np.isfinite(error).mean() > 0.95
    # 3 cm of noise; a pixel's middle lies up to 35 cm from the point, on a slope of one in eight 4 cm.
    assert np.nanmedian(error) < 0.06
    water = (points["place"] == "water").to_numpy()
    assert water.sum() > 80
    # Sea level 0.12 m; a stray echo of class 1 is no ground.
    assert np.abs(found[water] - 0.12).max() < 0.15


def test_the_links_of_the_generator_are_found(coast: Coast, true_buildings: gpd.GeoDataFrame) -> None:
    twin = jnt.open(coast.workspace)
    links = twin.links
    assert set(links["link_type"]) == {"building-parcel", "bim-building", "sensor-building", "sensor-parcel"}
    ours = gpd.sjoin(true_buildings[["geometry", "building_id"]], twin.buildings[["geometry", "building_id"]])
    name = dict(zip(ours["building_id_left"], ours["building_id_right"], strict=True))
    bim_id = twin.layer("bim_buildings").to_pandas()["bim_building_id"][0]
    pairs = set(zip(links["link_type"], links["source_id"], links["target_id"], strict=True))
    expected = pd.read_csv(coast.folder / "truth" / "links.csv", dtype=str)
    known = expected[expected["building_id"].isin(name)]
    pair_of = {
        "building-parcel": lambda row: ("building-parcel", name[row.building_id], row.other_id),
        "sensor-building": lambda row: ("sensor-building", row.other_id, name[row.building_id]),
        "building-bim": lambda row: ("bim-building", bim_id, name[row.building_id]),
    }
    missing = [row for row in known.itertuples() if pair_of[str(row.kind)](row) not in pairs]
    assert len(known) > 100
    assert {str(row.kind) for row in missing} <= {"building-parcel"}
    # One parcel is spoilt on purpose.
    assert len(missing) <= 0.02 * len(known), missing


def test_alerts_are_those_the_story_tells(coast: Coast) -> None:
    told = coast.truth("alerts.json")
    with Feed.open(feed_path(Workspace.at(coast.workspace))) as feed:
        logged = [event.document for event in feed.events(after=None, limit=1000).events]
    found = sorted((e["type"].split(".")[-2], e["data"]["rule_id"], e["time"], e["data"]["value"]) for e in logged)
    assert found == sorted((a["kind"], a["rule_id"], a["phenomenon_at"], a["result"]) for a in told)
    assert {a["rule_id"] for a in told} >= {"submersion-vigilance", "submersion-alerte", "pression-basse"}


def test_the_zero_of_the_tide_gauge_keeps_its_height_below_the_sea(coast: Coast) -> None:
    stations = jnt.open(coast.workspace).layer("stations").to_geopandas().set_index("station_id")
    gauge = stations.loc["LAGON-MAREE-1"]
    assert gauge["elevation_m"] == -1.5
    truth = pd.read_csv(coast.folder / "truth" / "stations.csv").set_index("station_id").loc["LAGON-MAREE-1"]
    # 7 decimals of a degree are 1.1 cm, the truth's own centimetre half as much.
    assert math.hypot(gauge.geometry.x - truth["easting_m"], gauge.geometry.y - truth["northing_m"]) < 0.015


# -- heights above the ellipsoid -----------------------------------------------------------------------------------


def undulation(grid_file: Path, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """IGN's grid read with rasterio and interpolated here: bilinear between the centres of its pixels."""
    with rasterio.open(grid_file) as grid:
        nodes, transform = grid.read(1).astype(float), grid.transform
    column = (longitude - transform.c) / transform.a - 0.5
    row = (latitude - transform.f) / transform.e - 0.5
    c, r = np.floor(column).astype(int), np.floor(row).astype(int)
    fx, fy = column - c, row - r
    north = nodes[r, c] * (1 - fx) + nodes[r, c + 1] * fx
    south = nodes[r + 1, c] * (1 - fx) + nodes[r + 1, c + 1] * fx
    return north * (1 - fy) + south * fy


def test_the_oracle_gives_the_published_points_of_ign(shared: Path, grid_file: Path) -> None:
    vectors = json.loads((shared / "geodesy" / "vectors.json").read_text(encoding="utf-8"))
    published_points = [v for v in vectors if v["id"] in {"RH1", "RH2", "RH3"}]
    assert len(published_points) == 3
    for vector in published_points:
        longitude, latitude, ellipsoidal = vector["expected"]
        found = vector["input"][2] + undulation(grid_file, np.array([longitude]), np.array([latitude]))[0]
        # IGN publishes both heights to the millimetre.
        assert abs(found - ellipsoidal) <= 0.001


def test_heights_in_3d_tiles_are_reun89_plus_the_undulation_of_the_grid(coast: Coast, grid_file: Path) -> None:
    twin = jnt.open(coast.workspace)
    buildings, faces = twin.buildings.set_index("building_id"), twin.layer("roof_faces").to_geopandas()
    to_degrees = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    to_plane = pyproj.Transformer.from_crs("EPSG:4627", "EPSG:2975", always_xy=True)
    checked = 0
    for tile in tiles_of(coast.workspace / "publication" / "3dtiles" / "tileset.json"):
        if "content" not in tile.document:
            continue
        glb = read_glb(coast.workspace / "publication" / "3dtiles" / tile.document["content"]["uri"])
        rows = glb.accessor(glb.primitive["attributes"]["_FEATURE_ID_0"]).astype(int)
        longitude, latitude, ellipsoidal = to_degrees.transform(*tile.geocentric(glb.z_up("POSITION")).T)
        elevation = ellipsoidal - undulation(grid_file, longitude, latitude)
        east, north = to_plane.transform(longitude, latitude)
        for row, building_id in enumerate(glb.property_table()["building_id"]):
            building, own = buildings.loc[building_id], rows == row
            levels = np.array([building["ground_elevation_m"], building["roof_elevation_m"]])
            off = np.nanmin(np.abs(elevation[own][:, None] - levels), axis=1)
            if building["roof_lod"] in {"2.2", "1.3"}:  # sloping faces: the corner of the solid that lies there
                solids = solids_of_roof(faces[faces["building_id"] == building_id], building["ground_elevation_m"])
                corners = np.concatenate([solid.vertices for solid in solids])
                placed = np.column_stack((east[own], north[own], elevation[own]))
                off = cKDTree(corners).query(placed)[0]
            assert off.max() < 0.001, building_id  # float32 within a tile: below 0.1 mm
            bounds = (east[own].min(), north[own].min(), east[own].max(), north[own].max())
            assert np.abs(np.array(bounds) - building.geometry.bounds).max() < 0.001, building_id
            checked += 1
    assert checked == len(buildings)


def test_the_tileset_says_which_grid_gave_its_heights(coast: Coast) -> None:
    tileset = json.loads((coast.workspace / "publication" / "3dtiles" / "tileset.json").read_text())
    extras = tileset["asset"]["extras"]
    assert (extras["horizontal_crs"], extras["vertical_crs"]) == ("EPSG:2975", "EPSG:5758")
    assert extras["declared_undulation"] is None
    assert [grid["name"] for grid in extras["operation"]["grids"]] == [GRID]


# -- no word of the mainland ---------------------------------------------------------------------------------------

MAINLAND = re.compile(
    r"lambert|lamb-?93|\blcc\b|rgf[ _-]?93|ign[ _-]?69|\bngf\b|(?<![\w.])(2154|5720|5698)(?!\w|\.\d)", re.I
)
"""Names and codes of the mainland's projection and heights, and the projection's name in PROJ strings."""
CODE_KEYS = {"code", "epsg", "proj:epsg", "proj:code", "wkid", "latestwkid", "srid", "srsid"}


def sayings(document: Any, key: str = "") -> Iterator[str]:
    """Every key and string of a JSON document, and the numbers that are codes."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from sayings(value, name)
    elif isinstance(document, list):
        for value in document:
            yield from sayings(value, key)
    elif isinstance(document, str) or key.lower() in CODE_KEYS:
        yield str(document)


def parts_of(dataset: rasterio.DatasetReader) -> list[pyproj.CRS]:
    """Horizontal system of a raster, and the vertical one where it states one."""
    crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
    return crs.sub_crs_list or [crs]


def texts_of(path: Path) -> Iterator[str]:
    """All that a published file says in words."""
    raw = path.read_bytes()
    if path.suffix in {".json", ".geojson"}:
        yield from sayings(json.loads(raw))
    elif path.suffix == ".glb":
        length = struct.unpack_from("<I", raw, 12)[0]
        yield from sayings(json.loads(raw[20 : 20 + length]))
        for values in read_glb(path).property_table().values():
            yield from (value for value in values if isinstance(value, str))
    elif path.suffix == ".parquet":
        metadata = pq.read_schema(path).metadata or {}
        for name, value in metadata.items():
            yield name.decode()
            text = value.decode("utf-8", "replace")
            yield from sayings(json.loads(text)) if text.startswith("{") else iter([text])
        for column in pq.read_table(path).itercolumns():
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                yield from (value for value in column.unique().to_pylist() if value is not None)
    elif path.suffix == ".tif":
        with rasterio.open(path) as dataset:
            assert [part.to_epsg() for part in parts_of(dataset)][:1] == [2975], path.name
            yield from (dataset.crs.to_wkt(), *map(str, dataset.tags().items()), *map(str, dataset.tags(1).items()))
            yield from map(str, dataset.descriptions)
    elif path.suffix == ".png":
        # Text chunks are not compressed: latin-1 shows them, and noise that spells a name is not to be expected.
        yield "\n".join(re.findall(r"(?:tEXt|iTXt)[^\0]{0,200}", raw.decode("latin-1")))
    else:
        raise AssertionError(f"a file of a kind that this test cannot read: {path.name}")


def test_the_search_would_find_the_mainland(repository: Path) -> None:
    """What the next two tests look for stands in every such text of the mainland's sample."""
    found = [
        any(MAINLAND.search(text) for text in texts)
        for texts in (
            ["EPSG:2154+5720"],
            ["RGF93 v1 / Lambert-93 + NGF-IGN69 height"],
            sayings({"id": {"authority": "EPSG", "code": 2154}}),
            ["proj=pipeline step inv proj=lcc lat_0=46.5"],
            ["LHD_FXX_0618_6755_PTS_LAMB93_IGN69.laz"],
            [(repository / "config" / "rive.yaml").read_text(encoding="utf-8")],
        )
    ]
    assert found == [True] * len(found)
    assert not MAINLAND.search("12.2154 sha a2154b, 0P09Z5720X")


def test_no_published_file_speaks_of_the_mainland(coast: Coast) -> None:
    root = coast.workspace / "publication"
    names = list(published(coast.workspace))
    assert {Path(name).suffix for name in names} >= {".json", ".parquet", ".tif", ".glb"}
    for name in names:
        for text in (name, *texts_of(root / name)):
            assert not MAINLAND.search(text), (name, text[:200])


def test_neither_the_twin_nor_its_manifest_nor_its_events_speak_of_the_mainland(coast: Coast) -> None:
    documents = {"twin.json": (coast.workspace / "twin.json").read_text(encoding="utf-8"), **manifest(coast.workspace)}
    documents |= {
        path.name: path.read_text(encoding="utf-8") for path in sorted((coast.workspace / "index").glob("*.json"))
    }
    documents |= {f"event {i}": event for i, event in enumerate(events(coast.workspace))}
    assert len(documents) > 25
    for name, text in documents.items():
        for saying in (name, *sayings(json.loads(text))):
            assert not MAINLAND.search(saying), (name, saying[:200])


def test_the_served_page_and_its_api_speak_of_la_reunion_only(coast: Coast) -> None:
    """OpenAPI documents are left out: their examples of codes belong to the software, not to the territory."""
    app = create_app(jnt.open(coast.workspace), feed_path(Workspace.at(coast.workspace)))
    asked = ("/", "/v1/layers", "/v1/events?limit=1000", "/v1/alerts", "/v1/observations/latest", "/v1/health")
    with listening(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        answers = {path: client.get(path).raise_for_status().text for path in asked}
    for path, text in answers.items():
        found = MAINLAND.search(text)
        assert not found, (path, text[found.start() - 100 : found.end() + 100])
    page = answers["/"]
    assert "RGR92" in page
    assert "REUN89" in page
    assert "EPSG:2975" in page
    assert "Submersion marine" in page
    assert GRID in page


# -- again, and without the grid -----------------------------------------------------------------------------------


def test_the_same_bytes_come_out_elsewhere(coast: Coast, tmp_path: Path) -> None:
    code = "import sys, jnt_pipeline as jnt\njnt.run(sys.argv[1], sys.argv[2])\n"
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "LC_ALL": "C", "LANG": "C", "TZ": "Indian/Reunion"}
    workspace = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-c", code, str(coast.config), str(workspace)], check=True, env=environment)
    assert published(workspace) == published(coast.workspace)
    assert events(workspace) == events(coast.workspace)


def test_without_the_grid_the_run_is_refused_with_the_remedy_and_ends_well_with_it(
    coast: Coast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "twin"
    shutil.copytree(coast.workspace, workspace, symlinks=True)
    # As a first run leaves it that has assembled the twin and published nothing yet.
    for made in ("publication", "units/export", "manifest/export"):
        shutil.rmtree(workspace / made)
    for made in ("twin.json", "feed.sqlite"):
        (workspace / made).unlink()
    with monkeypatch.context() as patch:
        patch.setenv(GRIDS_VARIABLE, str(tmp_path / "no grids"))
        use_grid_folders()
        with pytest.raises(MissingGridError) as refusal:
            jnt.run(coast.config, workspace)
        with pytest.raises(MissingGridError, match=GRID):
            jnt.run(coast.config, tmp_path / "new")
    assert GRID in str(refusal.value)
    assert f"jnt grids sync {GRID}" in refusal.value.remedy
    assert not (tmp_path / "new").exists(), "refused before any work was done"
    assert not any((workspace / name).exists() for name in ("twin.json", "publication", "feed.sqlite", "units/export"))
    use_grid_folders()
    report = jnt.run(coast.config, workspace)
    assert {unit.split("/")[0] for unit in report.units.made} == {"export"}
    assert published(workspace) == published(coast.workspace)
