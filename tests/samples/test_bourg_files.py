"""The files of the village: written in four references, and true to the village in each, told by other tools."""

from __future__ import annotations

import csv
import json
import math
import re
import tarfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import rasterio
import shapely

from jnt_pipeline.errors import ConfigError
from jnt_pipeline.samples import make_sample, sample_config
from jnt_pipeline.samples.bourg_plan import both_editions
from jnt_pipeline.samples.bourg_registers import register_village
from jnt_pipeline.samples.bourg_town import build_village
from jnt_pipeline.samples.extent import sample_extent
from jnt_pipeline.samples.sites import BOURG
from samples.reading_samples import rows_of, truth_of

CC46 = 3946
SHEETS = ("AB", "AC", "ZA")


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another village than the committed one, thinner to be quick."""
    return make_sample("bourg", tmp_path_factory.mktemp("bourg") / "bourg", seed=5, density=1.0).folder


@pytest.fixture(scope="module")
def sheets(village: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, gpd.GeoDataFrame]]:
    """Vintage → class → what GDAL reads of the three sheets, in Lambert-93."""
    to_lambert = pyproj.Transformer.from_crs(CC46, 2154, always_xy=True)
    found: dict[str, dict[str, gpd.GeoDataFrame]] = {}
    for vintage in ("2025-09", "2026-03"):
        for section in SHEETS:
            unpacked = tmp_path_factory.mktemp(f"sheet-{section}")
            with tarfile.open(village / "cadastre" / vintage / f"edigeo-71999000{section}01.tar.bz2") as archive:
                archive.extractall(unpacked, filter="data")
            (thf,) = unpacked.glob("*.THF")
            for name in ("PARCELLE_id", "BATIMENT_id"):
                if name in {layer for layer, _ in pyogrio.list_layers(thf)}:
                    part = pyogrio.read_dataframe(thf, layer=name)
                    part["geometry"] = shapely.transform(
                        part.geometry.to_numpy(), lambda xy: np.column_stack(to_lambert.transform(*xy.T))
                    )
                    before = found.setdefault(vintage, {}).get(name)
                    found[vintage][name] = part if before is None else pd.concat([before, part], ignore_index=True)
    return found


def features(village: Path, name: str) -> gpd.GeoDataFrame:
    return gpd.read_file(village / "truth" / f"{name}.geojson")


def own_axes(village: Path, xy: np.ndarray) -> np.ndarray:
    """Lambert-93 to the village's own axes, written a second time."""
    frame = truth_of(village, "ground.json")["frame"]
    angle = math.radians(frame["angle_deg"])
    dx, dy = (xy - np.array(frame["origin"])).T
    return np.column_stack([dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)])


def hill_again(village: Path, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The ground, written again from ``ground.json``."""
    told = truth_of(village, "ground.json")
    u, v = own_axes(village, np.column_stack([x, y])).T
    brook, knoll = told["brook"], told["knoll"]
    off = np.abs(v - brook["v_m"])
    waves = [
        np.sin(2 * math.pi * a / n + p) for a, n, p in zip((u, v), knoll["lengths_m"], knoll["phases"], strict=True)
    ]
    land = np.interp(v, told["profile"]["v_m"], told["profile"]["above_water_m"])
    land = land + knoll["height_m"] * waves[0] * waves[1] * np.clip((off - 20) / 60, 0, 1)
    rise = np.clip((off - brook["half_width_m"]) / brook["bank_run_m"], 0, 1)
    return brook["elevation_at_origin_m"] + brook["slope"] * u + land * rise


# -- cadastre ------------------------------------------------------------------------------------------------------


def test_parcels_of_the_present_sheets_lie_where_the_truth_says(village: Path, sheets: Any) -> None:
    drawn = sheets["2026-03"]["PARCELLE_id"]
    true = features(village, "parcels").set_index("parcel_id")
    assert set("71" + drawn["IDU"]) == set(true.index)
    for idu, shape in zip(drawn["IDU"], drawn.geometry, strict=True):
        # The corners of neighbours on its borders change no area; coordinates are cut to the centimetre.
        assert shape.hausdorff_distance(true.geometry["71" + idu]) < 0.015, idu
        assert shape.is_valid


def test_parcels_share_their_borders_to_the_last_vertex(sheets: Any) -> None:
    shapes = sheets["2026-03"]["PARCELLE_id"].geometry.to_numpy()
    i, j = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
    assert max(shapely.area(shapely.intersection(shapes[i], shapes[j])), default=0.0) < 1e-6
    assert shapely.area(shapely.union_all(shapes)) == pytest.approx(shapely.area(shapes).sum(), abs=1e-3)


def test_the_story_of_the_two_vintages_is_in_their_sheets(village: Path, sheets: Any) -> None:
    told = {change["kind"]: change for change in truth_of(village, "changes.json")["changes"]}
    before, now = ({"71" + idu for idu in sheets[v]["PARCELLE_id"]["IDU"]} for v in ("2025-09", "2026-03"))
    assert before - now == {*told["divided"]["before"], *told["merged"]["before"]}
    assert now - before == {*told["divided"]["after"], *told["merged"]["after"]}
    assert (len(told["divided"]["after"]), len(told["merged"]["before"])) == (2, 2)
    old, new = (sheets[v]["BATIMENT_id"].geometry.to_numpy() for v in ("2025-09", "2026-03"))
    drawn = pd.read_csv(village / "truth" / "drawn.csv").set_index("building_id")
    assert len(new) == len(drawn)
    at = {name: shapely.Point(drawn.loc[name, ["easting_m", "northing_m"]]) for name in drawn.index}
    built, house = at[told["built"]["building_id"]], at[told["extended"]["building_id"]]
    assert not shapely.contains(old, built).any()
    assert shapely.contains(new, built).sum() == 1
    barn = shapely.Point(told["torn down"]["at"])
    assert shapely.contains(old, barn).sum() == 1
    assert not shapely.contains(new, barn).any()
    larger = new[shapely.contains(new, house)][0]
    smaller = old[np.argmax(shapely.area(shapely.intersection(old, larger)))]
    # A room of 2.4 m along the whole gable, of 7.5 to 8.5 m, but 1.5 m of it.
    assert 2.4 * 5.9 < larger.area - smaller.area < 2.4 * 7.1


def test_the_section_that_was_surveyed_again_moved_as_a_whole_and_the_meadows_not_at_all(
    village: Path, sheets: Any
) -> None:
    again = next(c for c in truth_of(village, "changes.json")["changes"] if c["kind"] == "section surveyed again")
    old, new = (sheets[v]["PARCELLE_id"].set_index("IDU").geometry for v in ("2025-09", "2026-03"))
    of_section = [idu for idu in old.index if idu[6:8] == again["section"]]
    assert len(of_section) == again["n_parcels"]
    for idu in of_section:
        moved = np.array(new[idu].centroid.coords[0]) - np.array(old[idu].centroid.coords[0])
        assert np.abs(moved - again["moved_by_m"]).max() < 0.012
    files = [
        [village / "cadastre" / v / f"edigeo-71999000{s}01.tar.bz2" for v in ("2025-09", "2026-03")] for s in SHEETS
    ]
    assert [a.read_bytes() == b.read_bytes() for a, b in files] == [False, False, True]


# -- registers -----------------------------------------------------------------------------------------------------


def test_bd_topo_has_the_traps_of_its_deliveries(village: Path) -> None:
    table = (village / "bdtopo" / "BATIMENT.dbf").read_bytes()
    assert table[29] == 0x57  # declares Windows-1252
    assert "Indifférencié".encode() in table
    assert not (village / "bdtopo" / "BATIMENT.cpg").exists()
    buildings = pyogrio.read_dataframe(village / "bdtopo" / "BATIMENT.shp", encoding="UTF-8")
    assert buildings.crs.to_epsg() == 2154
    assert buildings["ID"].str.fullmatch(r"BATIMENT\d{16}").all()
    z = np.array([shapely.get_coordinates(shape, include_z=True)[0, 2] for shape in buildings.geometry])
    unknown = z == -1000
    assert 0 < unknown.sum() < len(buildings) / 2
    assert (buildings["Z_MIN_TOIT"][unknown] == -1000).all()
    assert buildings["HAUTEUR"][unknown].isna().all()
    known = buildings[~unknown]
    assert np.abs(known["HAUTEUR"] - (known["Z_MIN_TOIT"] - known["Z_MIN_SOL"])).max() < 0.051  # each in decimetres
    ground = hill_again(village, known.geometry.centroid.x.to_numpy(), known.geometry.centroid.y.to_numpy())
    assert np.abs(known["Z_MIN_SOL"] - ground).max() < 3.0


def test_what_registers_state_is_mostly_true_and_not_always(village: Path) -> None:
    truth = pd.read_csv(village / "truth" / "links.csv")
    true = set(zip(truth["link_type"], truth["source_id"], truth["target_id"], strict=True))
    stated: list[tuple[str, str, str]] = []
    with (village / "rnb" / "RNB_71.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            assert re.fullmatch("[1-9A-HJKMNP-TV-Z]{12}", row["rnb_id"])
            stated += [("topo-rnb", one["id"], row["rnb_id"]) for one in json.loads(row["ext_ids"])]
            stated += [("rnb-parcel", row["rnb_id"], one["id"]) for one in json.loads(row["plots"])]
    topo = pyogrio.read_dataframe(village / "bdtopo" / "BATIMENT.shp", read_geometry=False)
    told = topo.dropna(subset="ID_RNB")
    for topo_id, text in zip(told["ID"], told["ID_RNB"], strict=True):
        stated += [("topo-rnb", topo_id, one) for one in text.split("/")]
    wrong = [one for one in stated if one not in true]
    assert len(stated) > 150
    assert 0 < len(wrong) < 0.1 * len(stated)


def test_an_address_still_names_the_parcel_that_was_divided(village: Path) -> None:
    with (village / "addresses" / "adresses-71.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows[0]) == 23
    divided = next(c for c in truth_of(village, "changes.json")["changes"] if c["kind"] == "divided")
    late = [row for row in rows if row["cad_parcelles"] in divided["before"]]
    assert len(late) == 1
    assert [row["rep"] for row in rows if row["id"] == f"{late[0]['id']}_bis"] == ["bis"]
    to_lambert = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
    for row in rows:
        x, y = to_lambert.transform(float(row["lon"]), float(row["lat"]))
        # Six decimals of a degree are 11 cm.
        assert math.hypot(x - float(row["x"]), y - float(row["y"])) < 0.08
    assert {row["type_position"] for row in rows} == {"entrée", "segment", "parcelle"}


# -- planning, inventory -------------------------------------------------------------------------------------------


def test_zones_written_without_a_grid_lie_where_the_grid_of_ign_puts_them(village: Path, shared: Path) -> None:
    grid = shared / "geodesy" / "grids" / "fr_ign_gr3df97a.tif"
    # From Lambert II étendu to Lambert-93 by IGN's translations, step by step, height zero.
    way = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +inv +proj=lcc +lat_1=46.8 +lat_0=46.8 +lon_0=0 +k_0=0.99987742 +x_0=600000 "
        "+y_0=2200000 +ellps=clrk80ign +pm=paris +step +proj=push +v_3 +step +proj=cart +ellps=clrk80ign "
        f"+step +proj=xyzgridshift +grids={grid} +grid_ref=output_crs +ellps=GRS80 +step +inv +proj=cart +ellps=GRS80 "
        "+step +proj=pop +v_3 +step +proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 "
        "+ellps=GRS80"
    )
    zones = pyogrio.read_dataframe(village / "planning" / "ZONE_URBA.shp").set_index("LIBELLE")
    assert zones.crs.to_epsg() == 27572
    x, y = way.transform(*shapely.get_coordinates(zones.geometry["UA"]).T)
    found = own_axes(village, np.column_stack([x, y]))
    # Rounded to the centimetre in a frame that is turned: at most 0.7 cm, and the plane's 0.1 mm.
    assert {(round(u, 1), round(v, 1)) for u, v in found} == {(u, v) for u in (-125.0, 126.5) for v in (-40.5, 14.5)}
    assert np.abs(found - np.round(found * 2) / 2).max() < 0.0075
    invalid = [label for label, shape in zones.geometry.items() if not shape.is_valid]
    assert invalid == ["2AU"]


def test_the_inventory_holds_the_mistakes_that_the_truth_counts(village: Path) -> None:
    path = village / "inventory" / "espaces_verts.gpkg"
    trees, lawns = (pyogrio.read_dataframe(path, layer=name) for name in ("arbres", "pelouses"))
    assert trees.crs.to_epsg() == lawns.crs.to_epsg() == CC46
    counts = truth_of(village, "expected_counts.json")["layers"]
    assert (len(trees), len(lawns)) == (counts["trees"]["read"], counts["lawns"]["read"])
    assert trees["N_ARBRE"].duplicated().sum() == counts["trees"]["rejected"]["duplicate_id"]
    assert trees.geometry.isna().sum() == counts["trees"]["rejected"]["missing_geometry"]
    assert (~trees["N_ARBRE"].str.fullmatch(r"[A-Z]-\d{4}")).sum() == counts["trees"]["rejected"]["bad_tree_id"]
    assert (~trees["HAUTEUR"].str.fullmatch(r"\d+\.\d")).sum() == counts["trees"]["rejected"]["bad_height_m"]
    assert (~lawns.geometry.is_valid).sum() == counts["lawns"]["rejected"]["invalid_geometry"]
    assert lawns["CODE"].isna().sum() == counts["lawns"]["rejected"]["missing_lawn_id"]
    true = pd.read_csv(village / "truth" / "trees.csv")
    back = trees[trees.geometry.notna()].to_crs(2154)
    nearest = shapely.STRtree(shapely.points(true["easting_m"], true["northing_m"])).query_nearest(
        back.geometry.to_numpy(), return_distance=True
    )[1]
    assert nearest.max() < 0.012


# -- ground, model, size -------------------------------------------------------------------------------------------


def test_raster_and_points_are_the_same_hill(village: Path) -> None:
    import laspy

    with rasterio.open(village / "elevation" / "RGEALTI_FXX_0835_6595_MNT_LAMB93_IGN69.asc") as raster:
        values = raster.read(1)
        columns, rows = np.meshgrid(np.arange(raster.width) + 0.5, np.arange(raster.height) + 0.5)
        x, y = raster.transform * (columns, rows)
        assert (x[0, 0] % 5, y[0, 0] % 5) == (0, 0)  # centres of pixels, as IGN delivers
    error = values.ravel() - hill_again(village, x.ravel(), y.ravel())
    assert error.std() == pytest.approx(0.15, abs=0.01)
    assert np.abs(error).max() < 0.15 * 3.4642 + 0.006
    flown = truth_of(village, "ground.json")["flown"]
    for path in sorted((village / "lidar").iterdir()):
        tile = laspy.read(path)
        ground = np.asarray(tile.classification) == 2
        px, py, pz = (np.asarray(values)[ground] for values in (tile.x, tile.y, tile.z))
        assert np.abs(pz - hill_again(village, px, py)).max() < 0.03 * 3.4642 + 0.006
        assert px.min() >= flown[0]
        assert px.max() < flown[2]
        assert flown[1] <= py.min() <= py.max() < flown[3]


def test_the_model_is_right_in_cc46_and_says_lambert_93(village: Path) -> None:
    import ifcopenshell

    model = ifcopenshell.open(village / "bim" / "mairie.ifc")
    conversion = model.by_type("IfcMapConversion")[0]
    assert conversion.TargetCRS.Name == "EPSG:2154"
    # The four corners by the formula of IfcMapConversion, 16 m by 11 m in millimetres, then from CC46.
    c, s = conversion.XAxisAbscissa, conversion.XAxisOrdinate
    local = np.array([(0, 0), (16_000, 0), (16_000, 11_000), (0, 11_000)]) * conversion.Scale
    e, n = (
        local[:, 0] * c - local[:, 1] * s + conversion.Eastings,
        local[:, 0] * s + local[:, 1] * c + conversion.Northings,
    )
    corners = np.column_stack(pyproj.Transformer.from_crs(CC46, 2154, always_xy=True).transform(e, n))
    hall = features(village, "buildings").set_index("name").geometry["MAIRIE"]
    assert shapely.Polygon(corners).hausdorff_distance(hall) < 0.005
    site = model.by_type("IfcSite")[0]
    lon, lat = (d + m / 60 + sec / 3600 + u / 3.6e9 for d, m, sec, u in (site.RefLongitude, site.RefLatitude))
    there = pyproj.Transformer.from_crs(4326, 2154, always_xy=True).transform(lon, lat)
    assert math.dist(there, corners[0]) < 0.005


def test_sensors_tell_of_the_brook(village: Path) -> None:
    stations = {row["station_id"]: row for row in rows_of(village / "sensors" / "stations.csv")}
    gauge = stations["BOURG-RUISSEAU-1"]
    x, y = pyproj.Transformer.from_crs(4326, 2154, always_xy=True).transform(
        float(gauge["longitude"]), float(gauge["latitude"])
    )
    water = float(hill_again(village, np.array([x]), np.array([y]))[0])
    # Its zero lies half a metre below the brook at u = 0; the brook falls 4 mm a metre.
    assert water - float(gauge["elevation_m"]) == pytest.approx(0.5 - 41.5 * 0.004, abs=0.01)
    raised = {alert["rule_id"] for alert in truth_of(village, "alerts.json") if alert["kind"] == "raised"}
    assert raised == {"ruisseau-debordement", "pluie-forte", "gel-vignes"}


def test_the_village_has_one_size(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one size") as refusal:
        make_sample("bourg", tmp_path / "out", size_km=1.0)
    assert refusal.value.where == "size_km"
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="one size"):
        sample_config("bourg", "x", size_km=1.0)


def test_whatever_the_seed_each_building_stands_on_one_lot_and_in_no_other_building() -> None:
    for seed in range(6):
        village = build_village(seed, sample_extent(BOURG, None))
        before, now, _ = both_editions(village)
        walls = np.array([building.footprint for building in village.town.buildings], dtype=object)
        i, j = shapely.STRtree(walls).query(walls, predicate="overlaps")
        # What is built against a wall reaches 1 cm into it.
        assert max(shapely.area(shapely.intersection(walls[i], walls[j])), default=0.0) < 0.01 * 7.1
        plots = np.array([parcel.polygon for parcel in now.parcels], dtype=object)
        for building in now.buildings:
            shares = shapely.area(shapely.intersection(plots, building.polygon)) / building.polygon.area
            assert (shares > 1e-3).sum() == 1, (seed, building.parts)
            assert shares.sum() == pytest.approx(1.0, abs=1e-3), (seed, building.parts)
        registers = register_village(village, before, now)
        for things in (registers.topo, registers.rnb, registers.addresses):
            assert len({thing.id for thing in things}) == len(things)


def test_another_seed_is_another_village_with_the_same_layers(village: Path, repository: Path) -> None:
    committed = truth_of(repository / "sample_data" / "bourg", "expected_counts.json")["layers"]
    counts = truth_of(village, "expected_counts.json")["layers"]
    assert counts.keys() == committed.keys()
    assert counts["footprints"] != committed["footprints"]
