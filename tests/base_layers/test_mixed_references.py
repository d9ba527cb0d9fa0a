"""Mixed references within a layer: bad records are set aside with their reason, another reference stops the layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers import setting_aside
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders
from jnt_pipeline.crs.guessing.mixture import CERTAIN_RECORDS, LEAST_RECORDS, LEAST_SHARE, other_references
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.errors import MissingHeightReferenceError, MixedReferencesError, OutsideAreaError
from jnt_pipeline.provenance import Counts, Provenance, SourceFile
from jnt_pipeline.sources.lidar import LidarSource, read_tile
from source_files import OWNER, write_tile

TWIN = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
REUNION = Reference(horizontal="EPSG:2975", vertical="EPSG:5758")
ORIGIN = Provenance(producer="test", licence="none")
PARIS, SAINT_DENIS, POINTE_A_PITRE = (2.35, 48.85), (55.45, -20.95), (-61.55, 16.25)


@pytest.fixture
def grids(shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The French grids on PROJ's path during the test."""
    folder = shared / "geodesy" / "grids"
    monkeypatch.setenv(GRIDS_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield folder
    monkeypatch.undo()
    use_grid_folders()


def places(place: tuple[float, float], code: str, n: int) -> NDArray[np.float64]:
    """Points within a kilometre of a place, on the system's own datum."""
    around = np.random.default_rng(n).uniform(-0.01, 0.01, (n, 2)) + place
    crs = pyproj.CRS(code)
    if crs.is_geographic:
        return around
    move = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    x = around[:, 0] - (2.337229167 if crs.prime_meridian.longitude else 0.0)  # 2°20′14.025″, Paris
    unit = crs.geodetic_crs.axis_info[0].unit_conversion_factor
    lon, lat = np.radians(x) / unit, np.radians(around[:, 1]) / unit
    return np.column_stack(move.transform(lon, lat))


def stations(points: NDArray[np.float64], code: str, elevations: list[float] | None = None, srid: int = 0) -> Layer:
    n = len(points)
    shapes = shapely.points(points)
    reference = Reference.model_validate(code)
    frame = gpd.GeoDataFrame(
        {
            "station_id": [f"s{i:04d}" for i in range(n)],
            "station_name": ["a"] * n,
            "station_type": ["b"] * n,
            "elevation_m": elevations or [np.nan] * n,
        },
        geometry=shapely.set_srid(shapes, np.where(np.arange(n) < n // 2, srid, 0)),
        crs=reference.horizontal,
    )
    return Layer(name="stations", frame=frame, reference=reference, provenance=ORIGIN, counts=Counts(read=n, kept=n))


MIXTURES = [
    # (place, stated, twin, what the other part is in, words of the error)
    (PARIS, "EPSG:2154", TWIN, "EPSG:27572", "Lambert II étendu (EPSG:27572)"),
    (PARIS, "EPSG:2154", TWIN, "EPSG:3949", "CC49 (EPSG:3949)"),
    (PARIS, "EPSG:3949", TWIN, "EPSG:2154", "Lambert-93 (EPSG:2154)"),
    (PARIS, "EPSG:4326", TWIN, "EPSG:2154", "Lambert-93 (EPSG:2154)"),
    (PARIS, "EPSG:2154", TWIN, "EPSG:4326", "longitude, latitude in degrees"),
    (SAINT_DENIS, "EPSG:2975", REUNION, "EPSG:4326", "longitude, latitude in degrees"),
    (SAINT_DENIS, "EPSG:4326", REUNION, "EPSG:2975", "UTM 40S (EPSG:2975)"),
    (POINTE_A_PITRE, "EPSG:5490", Reference(horizontal="EPSG:5490"), "EPSG:4326", "longitude, latitude in degrees"),
]
IDS = [f"{stated[5:]}-and-{other[5:]}" for _, stated, _, other, _ in MIXTURES]


@pytest.mark.parametrize(("place", "stated", "twin", "other", "words"), MIXTURES, ids=IDS)
def test_a_part_in_another_reference_stops_the_layer_with_counts_and_an_example(
    place: tuple[float, float], stated: str, twin: Reference, other: str, words: str
) -> None:
    points = np.vstack((places(place, stated, 90), places(place, other, 10)))
    with pytest.raises(MixedReferencesError) as caught:
        normalise(stations(points, stated), twin)
    assert caught.value.where == "stations"
    assert f"90 records in {stated}" in caught.value.found
    assert f"10 look like {words}" in caught.value.found
    assert "s0090" in caught.value.found
    assert "split the file" in caught.value.remedy


@pytest.mark.parametrize(("place", "stated", "twin", "other", "words"), MIXTURES, ids=IDS)
def test_two_of_them_are_bad_records(
    place: tuple[float, float], stated: str, twin: Reference, other: str, words: str
) -> None:
    points = np.vstack((places(place, stated, 20), places(place, other, 2)))
    layer = normalise(stations(points, stated), twin)
    assert layer.counts.kept == 20
    assert sum(layer.counts.rejected.values()) == 2
    assert set(layer.counts.rejected) <= {"outside_crs_area", "impossible_coordinates"}
    assert words in layer.rejected["detail"].iloc[0]


def test_a_part_with_its_axes_swapped_is_another_order_and_stops_the_layer() -> None:
    points = places(PARIS, "EPSG:4326", 60)
    points[:6] = points[:6, ::-1]
    with pytest.raises(MixedReferencesError, match="with its two axes swapped"):
        normalise(stations(points, "EPSG:4326"), TWIN)


def test_each_isolated_bad_record_is_set_aside_with_its_own_reason() -> None:
    points = places(PARIS, "EPSG:2154", 40)
    points[3] = points[3, ::-1]  # swapped
    points[5] = [1e12, 6.8e6]  # nowhere on Earth
    points[7] = [-2.0e6, 6.8e6]  # in the Atlantic
    points[9] = [0.0, 0.0]
    layer = normalise(stations(points, "EPSG:2154"), TWIN)
    reasons = layer.rejected.set_index("record")["reason"].to_dict()
    assert reasons["s0003"] == "swapped_axes"
    assert reasons["s0005"] == "impossible_coordinates"
    assert reasons["s0007"] in {"outside_crs_area", "impossible_coordinates"}
    assert set(reasons) == {"s0003", "s0005", "s0007", "s0009"}
    assert layer.counts.read == layer.counts.kept + 4
    details = layer.rejected.set_index("record")["detail"]
    assert "Lambert-93 (EPSG:2154) with its two axes swapped" in details["s0003"]
    assert "zeros: no position at all" in details["s0009"]


def test_hundreds_of_records_that_agree_on_nothing_are_bad_records() -> None:
    scattered = np.random.default_rng(1).uniform(-9e5, -1e5, (300, 2))
    layer = normalise(stations(np.vstack((places(PARIS, "EPSG:2154", 300), scattered)), "EPSG:2154"), TWIN)
    assert layer.counts.kept == 300


def test_many_records_are_another_reference_however_large_the_layer_is() -> None:
    stated = Reference(horizontal="EPSG:2154")
    inside = places(PARIS, "EPSG:2154", 20_000)
    old = places(PARIS, "EPSG:27572", CERTAIN_RECORDS)
    assert len(old) < LEAST_SHARE * len(inside)
    assert [part.words for part in other_references(old, inside, stated)] == ["Lambert II étendu (EPSG:27572)"]
    assert other_references(old[:-1], inside, stated) == ()
    assert other_references(old[: LEAST_RECORDS - 1], inside[:5], stated) == ()


def test_a_layer_that_stops_is_not_asked_for_the_reason_of_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    # half a millisecond each: minutes for the parcels of a département
    def fails(*_: object) -> None:
        raise AssertionError("a reason was asked for")

    monkeypatch.setattr(setting_aside, "refused_records", fails)
    with pytest.raises(MixedReferencesError, match="20 look like CC49"):
        normalise(
            stations(np.vstack((places(PARIS, "EPSG:2154", 80), places(PARIS, "EPSG:3949", 20))), "EPSG:2154"), TWIN
        )
    with pytest.raises(OutsideAreaError, match="20 of 20 points"):
        normalise(stations(places(PARIS, "EPSG:3949", 20), "EPSG:2154"), TWIN)


def test_the_error_of_a_whole_layer_names_its_files_and_what_its_numbers_look_like() -> None:
    layer = stations(places(PARIS, "EPSG:3949", 20), "EPSG:2154")
    origin = Provenance(
        producer="test", licence="none", files=(SourceFile(name="stations.csv", sha256="0" * 64, n_bytes=1),)
    )
    with pytest.raises(OutsideAreaError) as caught:
        normalise(dataclasses.replace(layer, provenance=origin), TWIN)
    assert caught.value.where == "stations (stations.csv), EPSG:2154 to EPSG:2154"
    assert "CC49 (EPSG:3949)" in caught.value.remedy
    assert "stations.csv" in str(caught.value)


def test_noise_that_falls_into_some_system_by_chance_is_no_other_reference() -> None:
    # of 60,000 places up to a million kilometres away, 0.2 % are France in centimetres: about 100
    noise = np.random.default_rng(0).uniform(-1e9, 1e9, (60_000, 2))
    assert other_references(noise, places(PARIS, "EPSG:2154", 1_000), Reference(horizontal="EPSG:2154")) == ()


def test_several_other_references_are_told_apart() -> None:
    stated = Reference(horizontal="EPSG:2154")
    outside = np.vstack([places(PARIS, code, 10) for code in ("EPSG:27572", "EPSG:4326", "EPSG:3949")])
    parts = other_references(outside, places(PARIS, "EPSG:2154", 30), stated)
    assert {part.words for part in parts} == {
        "Lambert II étendu (EPSG:27572)", "longitude, latitude in degrees (EPSG:4326)", "CC49 (EPSG:3949)"
    }  # fmt: skip
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(30))


def test_records_of_another_territory_are_no_mixed_references() -> None:
    # La Réunion in a layer of Paris: other places, in whatever reference; nobody's second reference for Paris
    stated = Reference(horizontal="EPSG:2154")
    assert other_references(places(SAINT_DENIS, "EPSG:2975", 30), places(PARIS, "EPSG:2154", 30), stated) == ()


def test_geometries_that_state_another_reference_than_their_layer_are_refused() -> None:
    points = places(PARIS, "EPSG:2154", 10)
    assert normalise(stations(points, "EPSG:2154", srid=2154), TWIN).counts.kept == 10
    with pytest.raises(MixedReferencesError, match="5 in EPSG:27572; 5 that state none; the layer in EPSG:2154"):
        normalise(stations(points, "EPSG:2154", srid=27572), TWIN)


def test_records_with_and_without_elevation_stay_what_they_are() -> None:
    undulation = DeclaredUndulation(value_m=43.8, accuracy_m=0.1, source="RAF20 at Paris")
    points = np.repeat([PARIS], 3, axis=0)
    layer = normalise(stations(points, "EPSG:4979", [143.8, np.nan, 0.0]), TWIN, undulation=undulation)
    heights = layer.frame["elevation_m"].tolist()
    # 143.8 m above the ellipsoid is 100 m above the datum, 0 is -43.8; none stays none
    assert heights[0] == pytest.approx(100.0, abs=1e-6)
    assert np.isnan(heights[1])
    assert heights[2] == pytest.approx(-43.8, abs=1e-6)
    assert layer.counts.rejected == {}


def test_elevations_of_some_records_need_a_vertical_reference_and_none_at_all_needs_none() -> None:
    points = np.repeat([PARIS], 3, axis=0)
    with pytest.raises(MissingHeightReferenceError):
        normalise(stations(points, "EPSG:4326", [np.nan, 35.0, np.nan]), TWIN)
    assert normalise(stations(points, "EPSG:4326"), TWIN).reference == TWIN.flat()


@pytest.mark.shared
def test_tiles_of_different_vertical_references_are_each_transformed_by_their_own(grids: Path, tmp_path: Path) -> None:
    """One ground, once above NGF-IGN69 and once above the ellipsoid; the undulation is IGN's at the same place."""
    undulation_m = 43.7955  # H-Paris (RAF20)
    around = np.array([(0.0, 0.0), (1e-4, 0.0), (0.0, 1e-4), (1e-4, 1e-4)])
    lon, lat = (np.array(PARIS) + around).T
    x, y = pyproj.Transformer.from_crs(4171, 2154, always_xy=True).transform(lon, lat)
    ground = np.array([35.0, 35.5, 36.0, 36.5])
    normal = write_tile(tmp_path / "a_IGN69.laz", np.column_stack((x, y, ground)))
    solid = np.column_stack((lon, lat, ground + undulation_m))
    ellipsoidal = write_tile(tmp_path / "b.las", solid, wkt=None, scale=1e-7)
    declared = Reference.model_validate("EPSG:4965")

    owner = {"path": tmp_path, **OWNER}
    one = normalise(read_tile(normal, LidarSource(**owner)), TWIN)
    other = normalise(read_tile(ellipsoidal, LidarSource(**owner, crs=declared)), TWIN)
    assert one.reference == other.reference == TWIN
    for column, height in (("min_elevation_m", 35.0), ("max_elevation_m", 36.5)):
        assert one.frame[column].iloc[0] == pytest.approx(height, abs=1e-9)
        # RGF93 v1 goes by RAF18, 0.4 to 2.0 cm from RAF20; the file is written to 0.1 µm
        assert other.frame[column].iloc[0] == pytest.approx(height, abs=0.025)
    apart = one.frame.geometry.iloc[0].centroid.distance(other.frame.geometry.iloc[0].centroid)
    assert apart < 2.0  # boxes in degrees and in Lambert-93 turn against each other by half a degree
    assert [operation.source for operation in other.provenance.operations] != [
        operation.source for operation in one.provenance.operations
    ]

    undeclared = write_tile(tmp_path / "c.laz", np.column_stack((x, y, ground)))
    with pytest.raises(MissingHeightReferenceError):
        read_tile(undeclared, LidarSource(**owner))
