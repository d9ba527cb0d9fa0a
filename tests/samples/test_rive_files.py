"""The files of a sample against its truth, read with other means than those that wrote them."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import shape
from shapely.geometry.polygon import signed_area

EAST, NORTH, UP = 0, 1, 2


def _truth(folder: Path, name: str) -> Any:
    return json.loads((folder / "truth" / name).read_text(encoding="utf-8"))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _layer(folder: Path, name: str) -> list[dict[str, Any]]:
    raw = gzip.decompress((folder / "cadastre" / f"cadastre-45999-{name}.json.gz").read_bytes())
    return json.loads(raw)["features"]


@pytest.fixture(scope="session")
def points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 3) and classes (n,) of both tiles."""
    import laspy

    tiles = [laspy.read(path) for path in sorted((folder / "lidar").iterdir())]
    return (
        np.concatenate([np.column_stack([tile.x, tile.y, tile.z]) for tile in tiles]),
        np.concatenate([np.asarray(tile.classification) for tile in tiles]),
    )


def _ground(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The ground of the specification, written again from ``ground.json``; not valid on walls and ramps."""
    angle = math.radians(params["frame"]["angle_deg"])
    dx, dy = x - params["frame"]["origin"][0], y - params["frame"]["origin"][1]
    u, v = dx * math.cos(angle) + dy * math.sin(angle), -dx * math.sin(angle) + dy * math.cos(angle)
    water = params["water"]
    across = v - water["axis_v_m"] - water["meander_m"] * np.sin(2 * np.pi * u / 1400 + water["meander_phase"])
    surface = water["elevation_at_origin_m"] + water["slope"] * u
    inland = across - water["half_width_m"]
    quay = np.where(inland > 0.4, 1.6, 4 * inland) + 0.01 * np.minimum(inland, 16)
    profile = params["town_profile"]
    town = np.where(v > profile["v_m"][0], np.interp(v, profile["v_m"], profile["above_water_m"]), 0)
    for wall in params["terraces"]:
        town = town + np.where(v > wall["v_m"], wall["height_m"], 0)
    p, q = params["wave_phases"]
    wave = 0.35 * np.sin(2 * np.pi * u / 170 + p) * np.sin(2 * np.pi * v / 130 + q)
    north = np.maximum(quay, town + wave * np.clip((v + 50) / 60, 0, 1))
    bank = -across - water["half_width_m"]
    south = np.where(bank < 6, 1.3 * bank / 6, 1.3 + 0.0015 * (bank - 6))
    above = np.where(np.abs(across) <= water["half_width_m"], 0, np.where(across > 0, north, south))
    # Walls and ramps are left to the generator: 5 m on either side.
    near_wall = np.any([np.abs(v - wall["v_m"]) < 5 for wall in params["terraces"]], axis=0)
    return np.where(near_wall, np.nan, surface + above)


def test_ground_points_lie_on_the_specified_ground_within_the_stated_error(
    folder: Path, points: tuple[np.ndarray, np.ndarray]
) -> None:
    xyz, classes = points
    params = _truth(folder, "ground.json")
    ground = xyz[classes == 2]
    error = ground[:, UP] - _ground(params, ground[:, EAST], ground[:, NORTH])
    known = np.isfinite(error)
    assert known.mean() > 0.85
    sigma, bound = params["lidar"]["ground_sigma_m"], params["lidar"]["largest_error_in_sigmas"]
    # Noise is bounded; the centimetre of the file adds half a centimetre.
    assert np.abs(error[known]).max() <= sigma * bound + 0.0051
    assert np.std(error[known]) == pytest.approx(sigma, rel=0.03)
    assert abs(np.mean(error[known])) < 0.001


def test_checkpoints_of_the_ground_agree_with_the_specification(folder: Path) -> None:
    rows = _rows(folder / "truth" / "ground_checkpoints.csv")
    x, y, z = (np.array([float(r[k]) for r in rows]) for k in ("easting_m", "northing_m", "elevation_m"))
    again = _ground(_truth(folder, "ground.json"), x, y)
    known = np.isfinite(again)
    # Written to the millimetre.
    assert np.abs(again - z)[known].max() < 0.00051
    assert {r["place"] for r in rows} == {"open", "water", "canopy", "roof"}


def test_all_classes_are_there_and_counted_in_the_truth(folder: Path, points: tuple[np.ndarray, np.ndarray]) -> None:
    expected = Counter[int]()
    for tile in _truth(folder, "expected_counts.json")["tiles"].values():
        expected.update({int(code): n for code, n in tile["classes"].items()})
    assert Counter(points[1].tolist()) == expected
    assert set(expected) == {1, 2, 3, 4, 5, 6, 9, 17, 66, 67}


def test_building_points_lie_on_the_true_roof_within_the_stated_error(
    folder: Path, points: tuple[np.ndarray, np.ndarray]
) -> None:
    xyz, classes = points
    params = _truth(folder, "ground.json")["lidar"]
    bound = params["roof_sigma_m"] * params["largest_error_in_sigmas"] + 0.0051
    n_checked = 0
    built = xyz[np.isin(classes, (6, 67))]
    tree = shapely.STRtree(shapely.points(built[:, :2]))
    for feature in _truth(folder, "buildings.geojson")["features"]:
        properties, polygon = feature["properties"], shape(feature["geometry"])
        if properties["roof_type"] == "ring":
            continue
        # Corners run counter-clockwise from the start of the ridge side: two of them give the local axes.
        corners = np.array(polygon.exterior.coords)[:4]
        length, width = (float(np.hypot(*(corners[i + 1] - corners[i]))) for i in (0, 1))
        along = (corners[1] - corners[0]) / length
        inside = built[tree.query(polygon, predicate="contains")]
        offset = inside[:, :2] - corners.mean(axis=0)
        a, b = np.abs(offset @ along), np.abs(offset @ np.array([-along[1], along[0]]))
        drop = np.maximum(b, a - (length - width) / 2) if properties["roof_type"] == "hipped" else b
        roof = properties["eave_elevation_m"] + properties["roof_slope"] * (width / 2 - drop)
        # A neighbour's higher eave may reach over a footprint: points above the roof are not errors of this roof.
        error = inside[:, UP] - roof
        own = error < 0.5
        assert np.abs(error[own]).max() <= bound + 0.002, properties["building_id"]
        assert own.mean() > 0.8 or properties["is_light"], properties["building_id"]
        n_checked += int(own.sum())
    assert n_checked > 20_000


def test_reference_heights_of_the_roof_follow_from_its_shape(folder: Path) -> None:
    for feature in _truth(folder, "buildings.geojson")["features"]:
        p = feature["properties"]
        rise = p["ridge_elevation_m"] - p["eave_elevation_m"]
        if p["roof_type"] == "flat":
            assert rise == 0
        if p["roof_type"] in {"flat", "gabled"}:
            # A gable's elevations are uniform between eave and ridge; the grid of 0.1 m is worth 2 % of the rise.
            for percentile in (50, 70, 90):
                expected = p["eave_elevation_m"] + rise * percentile / 100
                assert p[f"roof_p{percentile}_elevation_m"] == pytest.approx(expected, abs=0.02 * rise + 0.001)


def test_no_seam_shows_in_density_or_position(folder: Path, points: tuple[np.ndarray, np.ndarray]) -> None:
    import laspy

    xyz, classes = points
    x = xyz[(classes != 66), EAST]
    counts = [int(((x >= a) & (x < a + 2)).sum()) for a in range(618990, 619010, 2)]
    # 2 m x 300 m at 4 pulses per m²: 2,400, less water, plus second echoes; neighbours differ by a few per cent.
    assert max(counts) < 1.2 * min(counts)
    for path in (folder / "lidar").iterdir():
        tile = laspy.read(path)
        west = 1000 * int(path.name[8:12])
        assert tile.x.min() >= west
        assert tile.x.max() < west + 1000


def test_header_is_that_of_lidar_hd_and_pinned(folder: Path) -> None:
    import laspy

    for path in (folder / "lidar").iterdir():
        with laspy.open(path) as reader:
            header = reader.header
        assert (str(header.version), header.point_format.id) == ("1.4", 6)
        assert header.scales.tolist() == [0.01, 0.01, 0.01]
        assert header.global_encoding.value == 17
        assert str(header.creation_date) == "2026-03-01"
        assert header.parse_crs().to_epsg() == 2154
        assert not header.parse_crs().is_compound


def test_virtual_points_carry_no_time_and_the_others_tell_the_days_of_flight(folder: Path) -> None:
    import laspy

    days: set[str] = set()
    for path in (folder / "lidar").iterdir():
        tile = laspy.read(path)
        virtual = np.asarray(tile.classification) == 66
        assert not np.asarray(tile.gps_time)[virtual].any()
        assert not np.asarray(tile.return_number)[virtual].any()
        # Adjusted standard GPS time: seconds since 1980-01-06, less 1e9, ahead of UTC by 18 s.
        seconds = np.asarray(tile.gps_time)[~virtual] + 1e9 - 18 + datetime(1980, 1, 6, tzinfo=UTC).timestamp()
        days |= {datetime.fromtimestamp(s, UTC).date().isoformat() for s in (seconds.min(), seconds.max())}
    assert days == {"2025-03-12", "2025-03-13"}


def test_voids_hold_no_point(folder: Path, points: tuple[np.ndarray, np.ndarray]) -> None:
    seen = shapely.STRtree(shapely.points(points[0][:, :2]))
    for feature in _truth(folder, "voids.geojson")["features"]:
        assert len(seen.query(shape(feature["geometry"]).buffer(-0.01), predicate="contains")) == 0


def test_canopy_thins_the_ground(folder: Path, points: tuple[np.ndarray, np.ndarray]) -> None:
    xyz, classes = points
    trees = np.array(
        [
            [float(r["easting_m"]), float(r["northing_m"]), float(r["radius_m"])]
            for r in _rows(folder / "truth" / "trees.csv")
        ]
    )
    crowns = shapely.union_all(shapely.buffer(shapely.points(trees[:, :2]), 0.6 * trees[:, 2]))
    shapely.prepare(crowns)
    below = shapely.contains_xy(crowns, *xyz[np.isin(classes, (2, 3))][:, :2].T).sum()
    # 28 % of the pulses pass; roofs, water and walls below crowns only lower it. 4 pulses per m².
    assert 0.15 < below / (4 * crowns.area) < 0.31


def test_school_model_stands_on_its_footprint_at_its_true_height(folder: Path) -> None:
    import ifcopenshell
    import ifcopenshell.geom

    model = ifcopenshell.open(folder / "bim" / "ecole.ifc")
    conversion = model.by_type("IfcMapConversion")[0]
    crs = conversion.TargetCRS
    assert (crs.Name, crs.VerticalDatum, crs.MapUnit.Name, crs.MapUnit.Prefix) == (
        "EPSG:2154",
        "NGF-IGN69",
        "METRE",
        None,
    )
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)

    def placed(product: Any) -> np.ndarray:
        # The kernel answers in metres: back to the file's millimetres, then the formula of IfcMapConversion.
        local = np.array(ifcopenshell.geom.create_shape(settings, product).geometry.verts).reshape(-1, 3) * 1000
        x, y, z = (local * conversion.Scale).T
        length = math.hypot(conversion.XAxisAbscissa, conversion.XAxisOrdinate)
        c, s = conversion.XAxisAbscissa / length, conversion.XAxisOrdinate / length
        return np.column_stack([
            x * c - y * s + conversion.Eastings, x * s + y * c + conversion.Northings, z + conversion.OrthogonalHeight
        ])  # fmt: skip

    truth = next(f for f in _truth(folder, "buildings.geojson")["features"] if f["properties"]["has_bim"])
    footprint, properties = shape(truth["geometry"]), truth["properties"]
    slab = placed(next(s for s in model.by_type("IfcSlab") if s.PredefinedType == "BASESLAB"))
    drawn = shapely.MultiPoint(slab[:, :2]).convex_hull
    # Coordinates are written to the millimetre on both sides.
    assert drawn.hausdorff_distance(shapely.Polygon(footprint.exterior)) < 0.003
    # The finished floor is 15 cm above the ground at the middle of the building.
    x, y = (np.array([value]) for value in footprint.centroid.coords[0])
    floor = float(slab[:, UP].max())
    assert floor - 0.15 == pytest.approx(float(_ground(_truth(folder, "ground.json"), x, y)[0]), abs=0.003)
    roof = np.concatenate([placed(s) for s in model.by_type("IfcSlab") if s.PredefinedType == "ROOF"])
    assert float(roof[:, UP].max()) == pytest.approx(properties["ridge_elevation_m"], abs=0.003)
    assert _truth(folder, "bim.json")["top_elevation_m"] == pytest.approx(float(roof[:, UP].max()), abs=0.002)
    assert _truth(folder, "bim.json")["base_elevation_m"] == pytest.approx(float(slab[:, UP].min()), abs=0.002)


def test_school_model_is_valid_and_dated_by_the_generator(folder: Path) -> None:
    import ifcopenshell
    import ifcopenshell.validate

    model = ifcopenshell.open(folder / "bim" / "ecole.ifc")
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log, express_rules=False)
    assert log.statements == []
    ids = [entity.GlobalId for entity in model.by_type("IfcRoot")]
    assert len(set(ids)) == len(ids)
    assert model.header.file_name.time_stamp == "2026-03-01T00:00:00"
    products = Counter(entity.is_a() for entity in model.by_type("IfcProduct"))
    assert products == _truth(folder, "expected_counts.json")["bim_products"]


def test_site_of_the_school_is_where_its_map_conversion_says(folder: Path) -> None:
    import ifcopenshell

    model = ifcopenshell.open(folder / "bim" / "ecole.ifc")
    site, conversion = model.by_type("IfcSite")[0], model.by_type("IfcMapConversion")[0]
    degrees = [d + m / 60 + s / 3600 + u / 3.6e9 for d, m, s, u in (site.RefLongitude, site.RefLatitude)]
    x, y = pyproj.Transformer.from_crs(4326, 2154, always_xy=True).transform(*degrees)
    # A millionth of a second of arc is 0.03 mm.
    assert math.hypot(x - conversion.Eastings, y - conversion.Northings) < 0.005


def test_cadastre_has_the_attributes_of_etalab_and_winds_its_rings_as_rfc_7946(folder: Path) -> None:
    parcels, buildings = _layer(folder, "parcelles"), _layer(folder, "batiments")
    names = {"id", "commune", "prefixe", "section", "numero", "contenance", "arpente", "created", "updated"}
    assert set().union(*(p["properties"] for p in parcels)) == names
    assert set().union(*(b["properties"] for b in buildings)) == {"type", "nom", "commune", "created", "updated"}
    assert all("id" not in building for building in buildings)
    assert any(p["properties"]["contenance"] is None for p in parcels)
    for parcel in parcels:
        p = parcel["properties"]
        assert p["id"] == p["commune"] + p["prefixe"] + p["section"].rjust(2, "0") + p["numero"].rjust(4, "0")
        assert not p["numero"].startswith("0")
    assert "C" in {p["properties"]["section"] for p in parcels}
    for building in buildings:
        polygon = shape(building["geometry"]).geoms[0]
        assert signed_area(polygon.exterior) > 0
        assert all(signed_area(ring) < 0 for ring in polygon.interiors)
    assert sum(len(shape(b["geometry"]).geoms[0].interiors) for b in buildings) == 1


def test_cadastre_breaks_one_parcel_and_doubles_another(folder: Path) -> None:
    parcels = _layer(folder, "parcelles")
    anomalies = {a["kind"]: a for a in _truth(folder, "anomalies.json") if a["layer"] == "parcels"}
    invalid = [p["id"] for p in parcels if not shape(p["geometry"]).is_valid]
    assert invalid == [anomalies["ring crosses itself"]["parcel_id"]]
    twice = [parcel_id for parcel_id, n in Counter(p["id"] for p in parcels).items() if n == 2]
    assert twice == [anomalies["id twice in the file"]["parcel_id"]]
    expected = _truth(folder, "expected_counts.json")["layers"]["parcels"]
    assert expected == {
        "read": len(parcels), "kept": len(parcels) - 2, "rejected": {"duplicate_id": 1, "invalid_geometry": 1}
    }  # fmt: skip


def test_footprints_agree_with_the_truth_except_where_it_says_otherwise(folder: Path) -> None:
    to_lambert = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
    drawn = [
        shapely.transform(shape(b["geometry"]), lambda xy: np.column_stack(to_lambert.transform(*xy.T)))
        for b in _layer(folder, "batiments")
    ]
    tree = shapely.STRtree(drawn)
    kinds = Counter[str]()
    matched: set[int] = set()
    for feature in _truth(folder, "buildings.geojson")["features"]:
        footprint = shape(feature["geometry"])
        candidates = tree.query(footprint, predicate="intersects")
        overlap = [drawn[i].intersection(footprint).area / footprint.area for i in candidates]
        kind = feature["properties"]["in_cadastre"]
        kinds[kind] += 1
        if kind == "missing":
            # Only a rounding of the neighbour's wall may touch it.
            assert max(overlap, default=0) < 0.02
            continue
        best = int(candidates[int(np.argmax(overlap))])
        matched.add(best)
        moved = drawn[best].centroid.distance(footprint.centroid)
        # 7 decimals are 1.1 cm in latitude.
        assert moved == pytest.approx(1.5 if kind == "shifted" else 0.0, abs=0.01)
    assert kinds["shifted"] == 2
    assert kinds["missing"] >= 2
    assert len(drawn) - len(matched) == 2  # the ghosts


def test_links_put_the_town_hall_on_two_parcels_and_add_up_to_whole_buildings(folder: Path) -> None:
    shares: dict[str, list[float]] = {}
    for row in _rows(folder / "truth" / "links.csv"):
        if row["kind"] == "building-parcel":
            shares.setdefault(row["building_id"], []).append(float(row["share_of_building"]))
    buildings = {
        f["properties"]["building_id"]: f["properties"] for f in _truth(folder, "buildings.geojson")["features"]
    }
    townhall = next(b for b, p in buildings.items() if p["name"] == "MAIRIE")
    assert len(shares[townhall]) == 2
    assert min(shares[townhall]) > 0.2
    # Rounded to four decimals; a garden wall or a corner may stand on the street by millimetres.
    assert all(sum(parts) == pytest.approx(1, abs=2e-3) for parts in shares.values())
    assert set(shares) == set(buildings)


def _when(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def test_observations_hold_exactly_the_faults_that_the_truth_counts(folder: Path) -> None:
    rows = _rows(folder / "sensors" / "observations.csv")
    assert list(rows[0]) == ["datastream_id", "phenomenon_at", "result"]
    counts = _truth(folder, "expected_counts.json")["observations"]
    assert counts["csv_rows"] == len(rows)
    assert sum(_when(r["phenomenon_at"]) is None for r in rows) == counts["bad_timestamps"] == 1
    assert sum(not r["result"].replace(".", "").removeprefix("-").isdigit() for r in rows) == counts["not_numeric"] == 1
    repeated = Counter(tuple(r.values()) for r in rows)
    assert sum(n - 1 for n in repeated.values()) == counts["exact_duplicates"] == 2
    latest: dict[str, datetime] = {}
    late = 0
    for row in rows:
        at = _when(row["phenomenon_at"])
        if at is None or row["result"] == "--" or repeated[tuple(row.values())] > 1:
            continue
        late += at < latest.get(row["datastream_id"], at)
        latest[row["datastream_id"]] = max(at, latest.get(row["datastream_id"], at))
    assert late == counts["out_of_order"] == 3
    assert any(r["phenomenon_at"].endswith("+01:00") for r in rows)
    assert counts["read"] == counts["kept"] + 2 == len(rows) + counts["sensorthings_observations"]


def test_expected_alerts_follow_from_the_observations_in_the_files(folder: Path) -> None:
    from jnt_pipeline.samples.rive import rive_config

    import yaml  # isort: skip

    measures: dict[str, dict[datetime, float]] = {}
    for row in _rows(folder / "sensors" / "observations.csv"):
        at = _when(row["phenomenon_at"])
        if at is not None and row["result"] != "--":
            measures.setdefault(row["datastream_id"], {})[at] = float(row["result"])
    things = json.loads((folder / "sensors" / "sensorthings.json").read_text(encoding="utf-8"))["value"]
    for flow in (flow for thing in things for flow in thing["Datastreams"]):
        for one in flow["Observations"]:
            at = datetime.fromisoformat(one["phenomenonTime"])
            measures.setdefault(flow["@iot.id"], {})[at] = one["result"]
    turns = []
    for rule in yaml.safe_load(rive_config("x"))["rules"]:
        sign = 1 if "above" in rule else -1
        limit = sign * rule.get("above", rule.get("below"))
        for flow_id in (name for name in measures if name.endswith(f"-{rule['observed_property']}")):
            active = False
            for at, value in sorted(measures[flow_id].items()):
                if (sign * value > limit) if not active else (sign * value <= sign * rule["clear"]):
                    active = not active
                    turns.append((rule["rule_id"], flow_id, "raised" if active else "cleared", at, value))
    expected = [
        (t["rule_id"], t["datastream_id"], t["kind"], datetime.fromisoformat(t["phenomenon_at"]), t["result"])
        for t in _truth(folder, "alerts.json")
    ]
    assert turns == expected


def test_stations_are_where_the_truth_says_in_both_formats(folder: Path) -> None:
    to_lambert = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
    truth = {r["station_id"]: r for r in _rows(folder / "truth" / "stations.csv")}
    found = {
        r["station_id"]: (float(r["longitude"]), float(r["latitude"]), float(r["elevation_m"]))
        for r in _rows(folder / "sensors" / "stations.csv")
    }
    for thing in json.loads((folder / "sensors" / "sensorthings.json").read_text(encoding="utf-8"))["value"]:
        found[thing["@iot.id"]] = tuple(thing["Locations"][0]["location"]["coordinates"])
    assert set(found) == set(truth)
    for name, (lon, lat, elevation) in found.items():
        x, y = to_lambert.transform(lon, lat)
        # 7 decimals are 1.1 cm, the truth's own centimetre half as much.
        assert math.hypot(x - float(truth[name]["easting_m"]), y - float(truth[name]["northing_m"])) < 0.015
        assert elevation == float(truth[name]["elevation_m"])


def test_flood_reaches_more_buildings_as_the_water_rises(folder: Path) -> None:
    steps = _truth(folder, "flood.json")
    lowest = {
        f["properties"]["building_id"]: f["properties"]["ground_min_elevation_m"]
        for f in _truth(folder, "buildings.geojson")["features"]
    }
    assert [len(step["building_ids"]) for step in steps] == sorted(len(step["building_ids"]) for step in steps)
    for step in steps:
        assert step["water_elevation_m"] == pytest.approx(88.0 + step["water_level"])
        assert set(step["building_ids"]) == {b for b, ground in lowest.items() if ground < step["water_elevation_m"]}
    assert steps[-1]["building_ids"]


def test_readme_says_that_the_sample_is_synthetic_and_free(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Nothing here is real" in text
    assert "CC0-1.0" in text
