"""The LiDAR of a sample against its truth: ground, roofs, classes, seam, header."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from samples.reading_samples import EAST, NORTH, UP, ground_again, rows_of, truth_of


def test_ground_points_lie_on_the_specified_ground_within_the_stated_error(
    folder: Path, points: tuple[np.ndarray, np.ndarray]
) -> None:
    xyz, classes = points
    params = truth_of(folder, "ground.json")
    ground = xyz[classes == 2]
    error = ground[:, UP] - ground_again(params, ground[:, EAST], ground[:, NORTH])
    known = np.isfinite(error)
    assert known.mean() > 0.85
    sigma, bound = params["lidar"]["ground_sigma_m"], params["lidar"]["largest_error_in_sigmas"]
    # Noise is bounded; the centimetre of the file adds half a centimetre.
    assert np.abs(error[known]).max() <= sigma * bound + 0.0051
    assert np.std(error[known]) == pytest.approx(sigma, rel=0.03)
    assert abs(np.mean(error[known])) < 0.001


def test_checkpoints_of_the_ground_agree_with_the_specification(folder: Path) -> None:
    rows = rows_of(folder / "truth" / "ground_checkpoints.csv")
    x, y, z = (np.array([float(r[k]) for r in rows]) for k in ("easting_m", "northing_m", "elevation_m"))
    again = ground_again(truth_of(folder, "ground.json"), x, y)
    known = np.isfinite(again)
    # Written to the millimetre.
    assert np.abs(again - z)[known].max() < 0.00051
    assert {r["place"] for r in rows} == {"open", "water", "canopy", "roof"}


def test_all_classes_are_there_and_counted_in_the_truth(folder: Path, points: tuple[np.ndarray, np.ndarray]) -> None:
    expected = Counter[int]()
    for tile in truth_of(folder, "expected_counts.json")["tiles"].values():
        expected.update({int(code): n for code, n in tile["classes"].items()})
    assert Counter(points[1].tolist()) == expected
    assert set(expected) == {1, 2, 3, 4, 5, 6, 9, 17, 66, 67}


def test_building_points_lie_on_the_true_roof_within_the_stated_error(
    folder: Path, points: tuple[np.ndarray, np.ndarray]
) -> None:
    xyz, classes = points
    params = truth_of(folder, "ground.json")["lidar"]
    bound = params["roof_sigma_m"] * params["largest_error_in_sigmas"] + 0.0051
    n_checked = 0
    built = xyz[np.isin(classes, (6, 67))]
    tree = shapely.STRtree(shapely.points(built[:, :2]))
    for feature in truth_of(folder, "buildings.geojson")["features"]:
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
    for feature in truth_of(folder, "buildings.geojson")["features"]:
        p = feature["properties"]
        rise = p["ridge_elevation_m"] - p["eave_elevation_m"]
        if p["roof_type"] == "flat":
            assert rise == 0
        if p["roof_type"] in {"flat", "gabled"}:
            # A gable's elevations are uniform between eave and ridge; 64 cells are worth 1.6 % of the rise.
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
    for feature in truth_of(folder, "voids.geojson")["features"]:
        assert len(seen.query(shape(feature["geometry"]).buffer(-0.01), predicate="contains")) == 0


def test_canopy_thins_the_ground(folder: Path, points: tuple[np.ndarray, np.ndarray]) -> None:
    xyz, classes = points
    trees = np.array(
        [
            [float(r["easting_m"]), float(r["northing_m"]), float(r["radius_m"])]
            for r in rows_of(folder / "truth" / "trees.csv")
        ]
    )
    crowns = shapely.union_all(shapely.buffer(shapely.points(trees[:, :2]), 0.6 * trees[:, 2]))
    shapely.prepare(crowns)
    below = shapely.contains_xy(crowns, *xyz[np.isin(classes, (2, 3))][:, :2].T).sum()
    # 28 % of the pulses pass; roofs, water and walls below crowns only lower it. 4 pulses per m².
    assert 0.15 < below / (4 * crowns.area) < 0.31
