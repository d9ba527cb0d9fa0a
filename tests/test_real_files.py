"""The pipeline on real French files, from ``jnt.run`` to what it publishes; oracles are those of the files' README."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml

import jnt_pipeline as jnt
from publication_checks import check_cityjson, check_cogs, check_geoparquet, check_stac, check_tileset
from towns import Town

pytestmark = pytest.mark.shared


def run(folder: Path, sources: list[dict[str, object]], publication: list[str], until: str = "export") -> jnt.Territory:
    """Run a description with these sources."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "name": "real",
        "title": "Real files",
        "reference": "EPSG:2154+5720",
        "undulation": {"value_m": 49.69, "accuracy_m": 0.1, "source": "RAF20 at Montpellier, for this test"},
        "sources": [
            {"producer": "IGN", "licence": "Licence Ouverte 2.0", "vintage": "2023-01-01", **s} for s in sources
        ],
        "publication": [{"kind": kind} for kind in publication],
    }
    (folder / "twin.yaml").write_text(yaml.safe_dump(config))
    jnt.run(folder / "twin.yaml", folder / "twin", until=until)
    return jnt.open(folder / "twin")


def test_the_published_dtm_of_montpellier_is_igns(shared: Path, tmp_path: Path) -> None:
    """Four adjoining squares of 50 m; oracle 1: median ≤ 0.5 mm, 95 % ≤ 2 mm, 99.9 % of the cells within 5 cm."""
    points = shared / "data" / "lidar" / "montpellier_50m" / "points"
    run(tmp_path, [{"kind": "lidar", "path": str(points)}], ["cog", "stac"])
    (reference,) = (shared / "data/lidar/montpellier_50m/reference/DTM").glob("*.tif")
    with rasterio.open(reference) as dataset, rasterio.open(tmp_path / "twin/publication/cog/dtm.tif") as ours:
        expected = dataset.read(1)
        assert ours.bounds.left <= dataset.bounds.left
        assert (dataset.bounds.left - ours.bounds.left) % 0.5 == 0  # same lattice: no resampling
        window = ours.window(*dataset.bounds)
        found = ours.read(1, window=window.round_offsets().round_lengths())
    known = expected != -9999
    difference = np.abs(found - expected)[known]
    assert np.isfinite(difference).mean() > 0.999
    difference = difference[np.isfinite(difference)]
    assert np.median(difference) <= 0.0005
    assert np.quantile(difference, 0.95) <= 0.002
    assert (difference <= 0.05).mean() >= 0.999
    check_cogs(tmp_path / "twin" / "publication" / "cog")


def test_a_whole_tile_of_lidar_hd_runs(shared: Path, tmp_path: Path) -> None:
    """Counts by class are those of the README; the terrain is known almost everywhere."""
    twin = run(
        tmp_path, [{"kind": "lidar", "path": str(shared / "data" / "lidar" / "km_0292_6833")}], ["geoparquet", "cog"]
    )
    (tile,) = twin.layer("point_clouds").to_geopandas().itertuples()
    assert tile.tile_id == "0292_6833"
    assert tile.n_points == 289055
    counts = dict(zip(tile.class_codes, tile.class_counts, strict=True))
    assert counts == {
        1: 11861, 2: 152678, 3: 3124, 4: 5962, 5: 71684, 6: 43278, 17: 267, 64: 47, 66: 12, 67: 142,
    }  # fmt: skip
    values = twin.raster("dtm").read().values
    assert values.shape == (2000, 2000)
    assert np.isfinite(values).mean() > 0.99
    assert 40 < np.nanmin(values) < np.nanmax(values) < 110  # points lie between 43.3 and 107.6 m


def test_the_real_extract_of_the_cadastre_runs(shared: Path, tmp_path: Path) -> None:
    """Three parcels of two départements; one crosses itself and is set aside."""
    path = shared / "data" / "cadastre" / "etalab" / "cadastre_extract_data.json"
    twin = run(tmp_path, [{"kind": "cadastre", "path": str(path)}], ["geoparquet"])
    parcels = twin.layer("parcels")
    assert sorted(parcels.to_pandas()["parcel_id"]) == ["380010000A0142", "380010000A0507"]
    assert parcels.counts.rejected == {"invalid_geometry": 1}
    assert list(parcels.rejected()["record"]) == ["010080000A0382"]


def test_what_a_run_publishes_passes_the_validators(town: Town) -> None:
    """Ids are the same in every publication, and nothing gets lost on the way."""
    published = town.workspace / "publication"
    check_cogs(published / "cog")
    check_geoparquet(published / "geoparquet")
    check_cityjson(published / "cityjson" / "rive.city.json")
    check_tileset(published / "3dtiles")
    check_stac(published / "stac")
    buildings = jnt.open(town.workspace).buildings
    city = json.loads((published / "cityjson" / "rive.city.json").read_text())["CityObjects"]
    whole = {name: thing for name, thing in city.items() if thing["type"] == "Building"}
    assert set(whole) == set(buildings["building_id"])
    with_solid = {name for name, thing in whole.items() if thing.get("geometry") or thing.get("children")}
    assert with_solid == set(buildings.loc[buildings["lod"] == "1", "building_id"])
