"""The files of a coast against its specification: ground, sea, tiles, cadastre, shelter."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import shape

from samples.reading_samples import EAST, NORTH, UP, coast_again, layer_of, rows_of, truth_of

Points = tuple[np.ndarray, np.ndarray]


def test_ground_and_sea_points_lie_on_the_specified_surfaces_within_the_stated_error(
    coast: Path, coast_points: Points
) -> None:
    xyz, classes = coast_points
    params = truth_of(coast, "ground.json")
    sigma, bound = params["lidar"]["ground_sigma_m"], params["lidar"]["largest_error_in_sigmas"]
    for code, wet in ((2, False), (9, True)):
        met = xyz[classes == code]
        ground, is_sea = coast_again(params, met[:, EAST], met[:, NORTH])
        assert (is_sea == wet).all()
        error = met[:, UP] - ground
        # Noise is bounded; the centimetre of the file adds half a centimetre.
        assert np.abs(error).max() <= sigma * bound + 0.0051
        assert abs(error.mean()) < 0.002
    ground = xyz[classes == 2]
    assert np.std(ground[:, UP] - coast_again(params, ground[:, EAST], ground[:, NORTH])[0]) == pytest.approx(
        sigma, rel=0.03
    )


def test_checkpoints_of_the_ground_agree_with_the_specification(coast: Path) -> None:
    rows = rows_of(coast / "truth" / "ground_checkpoints.csv")
    x, y, z = (np.array([float(r[k]) for r in rows]) for k in ("easting_m", "northing_m", "elevation_m"))
    again, is_sea = coast_again(truth_of(coast, "ground.json"), x, y)
    # Written to the millimetre.
    assert np.abs(again - z).max() < 0.00051
    places = np.array([r["place"] for r in rows])
    assert set(places) == {"open", "water", "canopy", "roof"}
    assert (is_sea == (places == "water")).all()


def test_the_coast_has_a_lagoon_behind_a_broken_reef_a_hollow_behind_a_berm_and_a_ravine(coast: Path) -> None:
    """Profiles drawn from the specification alone, every half metre, across the coast and along it."""
    params = truth_of(coast, "ground.json")
    angle = math.radians(params["frame"]["angle_deg"])
    east, north = params["frame"]["origin"]

    def along(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, s = math.cos(angle), math.sin(angle)
        return coast_again(params, east + u * c - v * s, north + u * s + v * c)

    u = np.arange(-190.0, 190.0, 0.5)
    reef, _ = along(u, np.full_like(u, params["reef"]["v_m"]))
    lagoon, wet = along(u, np.full_like(u, -150.0))
    assert wet.all()
    assert (lagoon == params["sea"]["elevation_m"]).all()
    assert reef.max() > 0.4
    assert reef.min() == params["sea"]["elevation_m"]
    v = np.arange(-90.0, 150.0, 0.5)
    across, _ = along(np.full_like(v, -40.0), v)
    berm = int(np.argmax(across[:60]))
    assert across[berm:].min() < across[berm] - 0.3  # lower behind than on the berm
    assert across[-1] > 15
    bed, _ = along(u, np.full_like(u, 180.0))
    assert bed.max() - bed.min() > 4
    assert abs(float(u[int(np.argmin(bed))]) - params["ravine"]["u_m"]) < 8


def test_all_classes_are_there_and_counted_in_the_truth(coast: Path, coast_points: Points) -> None:
    expected = Counter[int]()
    for tile in truth_of(coast, "expected_counts.json")["tiles"].values():
        expected.update({int(code): n for code, n in tile["classes"].items()})
    assert Counter(coast_points[1].tolist()) == expected
    assert set(expected) == {1, 2, 3, 4, 5, 6, 9, 17, 66, 67}


def test_building_points_lie_on_the_true_roof_within_the_stated_error(coast: Path, coast_points: Points) -> None:
    xyz, classes = coast_points
    params = truth_of(coast, "ground.json")["lidar"]
    bound = params["roof_sigma_m"] * params["largest_error_in_sigmas"] + 0.0051
    built = xyz[np.isin(classes, (6, 67))]
    tree = shapely.STRtree(shapely.points(built[:, :2]))
    n_checked = 0
    for feature in truth_of(coast, "buildings.geojson")["features"]:
        properties, polygon = feature["properties"], shape(feature["geometry"])
        corners = np.array(polygon.exterior.coords)[:4]
        length, width = (float(np.hypot(*(corners[i + 1] - corners[i]))) for i in (0, 1))
        along = (corners[1] - corners[0]) / length
        inside = built[tree.query(polygon, predicate="contains")]
        offset = inside[:, :2] - corners.mean(axis=0)
        a, b = np.abs(offset @ along), np.abs(offset @ np.array([-along[1], along[0]]))
        drop = np.maximum(b, a - (length - width) / 2) if properties["roof_type"] == "hipped" else b
        roof = properties["eave_elevation_m"] + properties["roof_slope"] * (width / 2 - drop)
        own = np.abs(inside[:, UP] - roof) < 0.5  # echoes of walls lie lower, a neighbour's eave higher
        assert np.abs((inside[:, UP] - roof)[own]).max() <= bound + 0.002, properties["building_id"]
        assert own.mean() > 0.8, properties["building_id"]
        n_checked += int(own.sum())
    assert n_checked > 15_000


def test_deck_of_the_bridge_spans_the_ravine_above_its_bed(coast: Path, coast_points: Points) -> None:
    xyz, classes = coast_points
    deck, params = xyz[classes == 17], truth_of(coast, "ground.json")
    bed, _ = coast_again(params, deck[:, EAST], deck[:, NORTH])
    above = deck[:, UP] - bed
    # 20 cm above the road at its ends, more than 1.5 m of air over the bed; noise within 11 cm.
    assert above.min() > 0.08
    assert above.max() > 1.5
    rectangle = shapely.MultiPoint(deck[:, :2]).minimum_rotated_rectangle
    assert rectangle.area == pytest.approx(28 * 8, rel=0.05)  # 28 m by 8 m, points 60 cm apart


def test_header_states_utm_40s_alone_and_the_name_states_the_heights(coast: Path) -> None:
    import laspy

    names = sorted(path.name for path in (coast / "lidar").iterdir())
    assert names == [f"LHD_REU_{column}_7659_PTS_RGR92UTM40S_REUN89.laz" for column in ("0321", "0322")]
    for path in (coast / "lidar").iterdir():
        with laspy.open(path) as reader:
            header = reader.header
        assert (str(header.version), header.point_format.id) == ("1.4", 6)
        assert header.global_encoding.value == 17
        assert header.parse_crs().to_epsg() == 2975
        assert not header.parse_crs().is_compound
        assert header.parse_crs() == pyproj.CRS.from_epsg(2975)
        column, row = (int(part) for part in re.findall(r"\d{4}", path.name)[:2])
        assert 1000 * column <= header.x_min <= header.x_max < 1000 * (column + 1)
        assert 1000 * (row - 1) <= header.y_min <= header.y_max < 1000 * row


def test_no_seam_shows_in_density(coast_points: Points) -> None:
    xyz, classes = coast_points
    x = xyz[classes != 66, EAST]
    counts = [int(((x >= a) & (x < a + 4)).sum()) for a in range(321980, 322020, 4)]
    # 4 m x 400 m at 3 pulses per m²: 4,800 and second echoes; neighbours differ by a few per cent.
    assert max(counts) < 1.15 * min(counts)


def test_no_file_names_the_projection_or_the_heights_of_the_mainland(coast: Path) -> None:
    mainland = re.compile(rb"lambert|lamb-?93|rgf-?93|ign-?69|epsg:+(2154|5720)|\"(2154|5720)\"", re.IGNORECASE)
    for path in coast.rglob("*"):
        if path.is_file():
            found = mainland.search(path.name.encode() + b" " + path.read_bytes())
            assert not found, (path, found)


def test_cadastre_has_no_land_in_the_sea_and_ids_of_la_reunion(coast: Path) -> None:
    to_plane = pyproj.Transformer.from_crs(4326, 2975, always_xy=True)
    params = truth_of(coast, "ground.json")
    for layer in ("communes", "sections", "parcelles"):
        for feature in layer_of(coast, layer):
            assert feature["id"].startswith("97499")
            x, y = to_plane.transform(*shapely.get_coordinates(shape(feature["geometry"])).T)
            again, is_sea = coast_again(params, x, y)
            # Corners on the coastline itself may fall 1 cm into the water: 7 decimals.
            assert again[is_sea].size == 0 or layer != "parcelles"
            if is_sea.any():
                inland, _ = coast_again(params, x[is_sea] + 0.05, y[is_sea])
                assert (inland > params["sea"]["elevation_m"]).all()
    anomalies = {a["kind"]: a for a in truth_of(coast, "anomalies.json") if a["layer"] == "parcels"}
    invalid = [p["id"] for p in layer_of(coast, "parcelles") if not shape(p["geometry"]).is_valid]
    assert invalid == [anomalies["ring crosses itself"]["parcel_id"]]


def test_footprints_agree_with_the_truth_in_utm_40s(coast: Path) -> None:
    to_plane = pyproj.Transformer.from_crs(4326, 2975, always_xy=True)
    drawn = [
        shapely.transform(shape(b["geometry"]), lambda xy: np.column_stack(to_plane.transform(*xy.T)))
        for b in layer_of(coast, "batiments")
    ]
    tree = shapely.STRtree(drawn)
    kinds = Counter[str]()
    for feature in truth_of(coast, "buildings.geojson")["features"]:
        footprint, kind = shape(feature["geometry"]), feature["properties"]["in_cadastre"]
        kinds[kind] += 1
        if kind != "missing":
            moved = min(drawn[i].centroid.distance(footprint.centroid) for i in tree.query(footprint))
            # 7 decimals are 1.1 cm.
            assert moved == pytest.approx(1.5 if kind == "shifted" else 0.0, abs=0.01)
    assert kinds["shifted"] == 2
    assert len(drawn) == sum(kinds.values()) - kinds["missing"] + 2  # two ghosts


def test_shelter_model_stands_on_its_footprint_at_its_true_height(coast: Path) -> None:
    import ifcopenshell
    import ifcopenshell.geom
    import ifcopenshell.validate

    model = ifcopenshell.open(coast / "bim" / "abri.ifc")
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log, express_rules=False)
    assert log.statements == []
    conversion = model.by_type("IfcMapConversion")[0]
    crs = conversion.TargetCRS
    assert (crs.Name, crs.GeodeticDatum, crs.VerticalDatum, crs.MapProjection) == (
        "EPSG:2975",
        "RGR92",
        "REUN89",
        "UTM 40S",
    )
    # The scale of the projection here, from PROJ: true metres become map metres.
    site = model.by_type("IfcSite")[0]
    lon, lat = (d + m / 60 + s / 3600 + u / 3.6e9 for d, m, s, u in (site.RefLongitude, site.RefLatitude))
    factors = pyproj.Proj("EPSG:2975").get_factors(lon, lat)
    assert conversion.Scale * 1000 == pytest.approx(factors.meridional_scale, abs=1e-6)
    x, y = pyproj.Transformer.from_crs(4326, 2975, always_xy=True).transform(lon, lat)
    # A millionth of a second of arc is 0.03 mm.
    assert math.hypot(x - conversion.Eastings, y - conversion.Northings) < 0.005
    # Geographic north in local axes, turned into the map, is north turned by the convergence of the meridians.
    true_north = model.by_type("IfcGeometricRepresentationContext")[0].TrueNorth.DirectionRatios
    turned = math.atan2(true_north[1], true_north[0]) + math.atan2(conversion.XAxisOrdinate, conversion.XAxisAbscissa)
    # West of the central meridian and south of the equator, true north lies west of grid north, here by 0.62 degrees.
    assert 90 - math.degrees(turned) == pytest.approx(-factors.meridian_convergence, abs=0.001)

    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)

    def placed(product: Any) -> np.ndarray:
        # The kernel answers in metres: back to the file's millimetres, then the formula of IfcMapConversion.
        local = np.array(ifcopenshell.geom.create_shape(settings, product).geometry.verts).reshape(-1, 3) * 1000
        across, up, z = (local * conversion.Scale).T
        c, s = conversion.XAxisAbscissa, conversion.XAxisOrdinate
        return np.column_stack([
            across * c - up * s + conversion.Eastings, across * s + up * c + conversion.Northings,
            z + conversion.OrthogonalHeight
        ])  # fmt: skip

    truth = next(f for f in truth_of(coast, "buildings.geojson")["features"] if f["properties"]["has_bim"])
    footprint, properties = shape(truth["geometry"]), truth["properties"]
    slab = placed(next(s for s in model.by_type("IfcSlab") if s.PredefinedType == "BASESLAB"))
    # Coordinates are written to the millimetre on both sides.
    assert shapely.MultiPoint(slab[:, :2]).convex_hull.hausdorff_distance(footprint) < 0.003
    roof = placed(next(s for s in model.by_type("IfcSlab") if s.PredefinedType == "ROOF"))
    assert float(roof[:, UP].max()) == pytest.approx(properties["ridge_elevation_m"], abs=0.003)
    middle = (np.array([value]) for value in footprint.centroid.coords[0])
    ground = float(coast_again(truth_of(coast, "ground.json"), *middle)[0][0])
    # The finished floor is 15 cm above the ground at the middle of the building.
    assert float(slab[:, UP].max()) - 0.15 == pytest.approx(ground, abs=0.003)
    said = json.loads((coast / "truth" / "bim.json").read_text(encoding="utf-8"))
    assert said["crs"] == "EPSG:2975+5758"
    assert said["top_elevation_m"] == pytest.approx(float(roof[:, UP].max()), abs=0.002)
    assert said["base_elevation_m"] == pytest.approx(float(slab[:, UP].min()), abs=0.002)


def test_readme_says_that_the_sample_is_synthetic_and_free_and_needs_a_grid(coast: Path) -> None:
    text = (coast / "README.md").read_text(encoding="utf-8")
    assert "Nothing here is real" in text
    assert "CC0-1.0" in text
    assert "jnt grids sync fr_ign_RAR07_bl.tif" in text
