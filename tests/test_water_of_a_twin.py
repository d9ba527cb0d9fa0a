"""Water levels of a whole twin: a lake across two kilometre cells, with and without BD TOPO, files cut either way."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import yaml
from shapely.geometry import box

import jnt_pipeline as jnt
from jnt_pipeline.territory.terrain_confidence import Origin
from source_files import OWNER, write_tile

X0, Y0 = 900_000.0, 6_500_000.0  # the corner of four cells
LAKE = (X0 - 20, Y0 + 10, X0 + 25, Y0 + 40)
DECK = (X0 - 1.5, Y0 + 5, X0 + 1.5, Y0 + 45)  # across two cells
LEVEL = 212.34


def survey() -> tuple[np.ndarray, np.ndarray]:
    """Four returns a square metre on rising ground; a lake with few, noisy ones; a bridge 3 m above it."""
    rng = np.random.default_rng(6)
    x, y = rng.uniform((X0 - 40, Y0 - 5), (X0 + 40, Y0 + 55), (19_200, 2)).T
    z = 213 + 0.03 * (y - Y0) + rng.normal(0, 0.03, x.size)
    codes = np.full(x.size, 2, np.uint8)
    is_lake = (x > LAKE[0]) & (x < LAKE[2]) & (y > LAKE[1]) & (y < LAKE[3])
    z[is_lake] = LEVEL + rng.normal(0, 0.02, is_lake.sum())
    codes[is_lake] = 9
    is_deck = (x > DECK[0]) & (x < DECK[2]) & (y > DECK[1]) & (y < DECK[3])
    z[is_deck] = LEVEL + 3
    codes[is_deck] = 17
    kept = ~is_lake | is_deck | (rng.random(x.size) < 0.15)
    return np.round(np.c_[x, y, z], 2)[kept], codes[kept]


def build(folder: Path, cut: str, *, with_outline: bool = False, **terrain: object) -> jnt.Territory:
    xyz, codes = survey()
    (folder / "lidar").mkdir(parents=True)
    west = xyz[:, 0] < X0 - 7 if cut == "askew" else xyz[:, 0] < X0
    for name, part in (("a", west), ("b", ~west)):
        write_tile(folder / "lidar" / f"{name}.laz", xyz[part], codes[part])
    sources = [{**OWNER, "vintage": "2023-01-01", "kind": "lidar", "path": "lidar", "vertical": "EPSG:5720"}]
    if with_outline:
        frame = gpd.GeoDataFrame(
            {"cleabs": ["PLANDEAU0000000000000001"], "nature": ["Lac"]}, geometry=[box(*LAKE)], crs="EPSG:2154"
        )
        frame.to_file(folder / "bdtopo.gpkg", layer="plan_d_eau", driver="GPKG")
        sources.append({**OWNER, "vintage": "2023-01-01", "kind": "bdtopo", "path": "bdtopo.gpkg"})
    config = {
        "name": "lac",
        "title": "Lac",
        "reference": "EPSG:2154+5720",
        "undulation": {"value_m": 49.69, "accuracy_m": 0.1, "source": "for this test"},
        "sources": sources,
        "publication": [],
        "terrain": {"buffer_m": 60, "void_max_m": 40, **terrain},
    }
    (folder / "twin.yaml").write_text(yaml.safe_dump(config))
    jnt.run(folder / "twin.yaml", folder / "twin", until="assemble")
    return jnt.open(folder / "twin")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> jnt.Territory:
    return build(tmp_path_factory.mktemp("lake"), "straight")


def inside_lake(window, margin: float) -> np.ndarray:
    values, transform, _ = window
    row, column = np.indices(values.shape)
    x, y = transform * (column + 0.5, row + 0.5)
    return (x > LAKE[0] + margin) & (x < LAKE[2] - margin) & (y > LAKE[1] + margin) & (y < LAKE[3] - margin)


def test_the_lake_is_one_body_and_flat_across_the_cells(twin: jnt.Territory) -> None:
    bodies = twin.layer("water_bodies").to_geopandas()
    assert bodies["is_flat"].tolist() == [True]
    assert bodies["level_m"][0] == pytest.approx(LEVEL, abs=0.005)
    assert bodies["spread_m"][0] == pytest.approx(3.29 * 0.02, abs=0.02)
    # Few returns on water, many on the banks: the border lies half way between, up to a metre inside the lake.
    assert 43 * 28 < bodies["area_m2"][0] < 45 * 30
    dtm = twin.raster("dtm").read()
    lake = inside_lake(dtm, 2.0)
    assert (dtm.values[lake] == np.float32(bodies["level_m"][0])).all()
    assert (twin.raster("dtm_origin").read().values[lake] == Origin.WATER_LEVEL).all()
    assert len(twin.rasters["dtm"].tiles) == 4


def test_the_bridge_is_in_the_surface_and_not_in_the_terrain(twin: jnt.Territory) -> None:
    dsm, dtm = twin.raster("dsm").read(bbox=DECK), twin.raster("dtm").read(bbox=DECK)
    middle = dsm.values[15:-15, 1:-1]
    assert np.median(middle) == pytest.approx(LEVEL + 3, abs=0.01)
    assert dtm.values[15:-15, 1:-1].max() < LEVEL + 0.1


def test_the_deck_is_a_layer_with_its_elevation(twin: jnt.Territory) -> None:
    decks = twin.layer("bridge_decks").to_geopandas()
    assert len(decks) == 1
    assert decks["deck_elevation_m"][0] == pytest.approx(LEVEL + 3, abs=0.01)
    assert decks["area_m2"][0] == pytest.approx(3 * 40, rel=0.1)
    assert box(*DECK).buffer(1).covers(decks.geometry[0])


def test_ground_is_that_of_terrain_without_flat_water(twin: jnt.Territory, tmp_path: Path) -> None:
    raw = build(tmp_path, "straight", is_water_flat=False)
    assert "water_bodies" not in raw.layers
    flat = twin.raster("dtm_origin").read().values == Origin.WATER_LEVEL
    assert 0.1 < flat.mean() < 0.4
    for name in ("dtm", "dsm", "dhm", "dtm_confidence"):
        ours, theirs = twin.raster(name).read().values, raw.raster(name).read().values
        assert np.array_equal(ours[~flat], theirs[~flat], equal_nan=True)
        assert not np.array_equal(ours[flat], theirs[flat])


def test_files_cut_otherwise_give_the_same(twin: jnt.Territory, tmp_path: Path) -> None:
    other = build(tmp_path, "askew")
    for name in ("water_bodies", "bridge_decks"):
        ours, theirs = (one.layer(name).to_geopandas() for one in (twin, other))
        assert ours.to_wkb().equals(theirs.to_wkb())
    for name in ("dtm", "dsm", "dhm", "dtm_confidence", "dtm_origin"):
        assert np.array_equal(twin.raster(name).read().values, other.raster(name).read().values, equal_nan=True)


def test_an_outline_of_bd_topo_names_the_body(tmp_path: Path) -> None:
    drawn = build(tmp_path, "straight", with_outline=True)
    bodies = drawn.layer("water_bodies").to_geopandas()
    assert bodies["water_body_id"].tolist() == ["PLANDEAU0000000000000001"]
    assert bodies["source"].tolist() == ["topo_plan_d_eau"]
    assert bodies["is_flat"].all()
    origins = {p.name for p in drawn.layers["water_bodies"].provenance.files}
    assert "bdtopo.gpkg" in origins
    facts = json.loads((tmp_path / "twin/manifest/water/water.json").read_text())["facts"]
    assert facts == {"n_water_bodies": 1, "n_flat": 1, "left_as_measured": {}}


def test_points_without_ground_leave_a_void_with_its_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    twin = build(tmp_path, "straight", ground_classes=[11])
    assert np.isnan(twin.raster("dtm").read().values).all()
    facts = [json.loads(path.read_text())["facts"] for path in (tmp_path / "twin/manifest/terrain").glob("*.json")]
    assert {one["reason"] for one in facts} == {"no_ground_points"}
    assert "classify the ground" in caplog.text
