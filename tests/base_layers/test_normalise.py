"""Normalise: records that cannot follow are set aside with their reason, and the counts add up."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.errors import MissingHeightReferenceError, OutsideAreaError, SchemaError
from jnt_pipeline.provenance import Counts, Provenance

TWIN = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
ORIGIN = Provenance(producer="test", licence="none")


def square(x: float, y: float, side: float = 10) -> shapely.Polygon:
    return shapely.box(x, y, x + side, y + side)


def sections(geometries: list[object], ids: list[str | None], crs: str = "EPSG:2154") -> Layer:
    n = len(ids)
    frame = gpd.GeoDataFrame(
        {"section_id": ids, "insee_code": ["45999"] * n, "created_on": [None] * n, "updated_on": [None] * n},
        geometry=np.array(geometries, dtype=object),
        crs=crs,
    )
    return Layer(
        name="sections",
        frame=frame,
        reference=Reference(horizontal=crs),
        provenance=ORIGIN,
        counts=Counts(read=n, kept=n),
    )


def stations(elevations: list[float], reference: Reference) -> Layer:
    n = len(elevations)
    frame = gpd.GeoDataFrame(
        {
            "station_id": [f"s{i}" for i in range(n)],
            "station_name": ["a"] * n,
            "station_type": ["b"] * n,
            "elevation_m": elevations,
        },
        geometry=[shapely.Point(1.9, 47.9)] * n,
        crs="EPSG:4326",
    )
    return Layer(name="stations", frame=frame, reference=reference, provenance=ORIGIN, counts=Counts(read=n, kept=n))


def test_each_bad_record_is_set_aside_with_its_reason() -> None:
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    layer = sections(
        [
            square(619000, 6754000),
            square(619020, 6754000),
            square(619040, 6754000),
            None,
            shapely.Point(619000, 6754000),
            shapely.affinity.translate(bow_tie, 619000, 6754000),
            square(700000, 6754000),
        ],
        ["45999000AA", "45999000AA", None, "45999000AC", "45999000AD", "45999000AE", "45999000AF"],
    )
    area = AreaOfInterest(bbox=(618000, 6753000, 620000, 6755000))
    out = normalise(layer, TWIN, area=area)
    assert list(out.frame["section_id"]) == ["45999000AA"]
    assert out.counts == Counts(
        read=7,
        kept=1,
        rejected={
            "missing_section_id": 1,
            "duplicate_id": 1,
            "missing_geometry": 1,
            "wrong_geometry": 1,
            "invalid_geometry": 1,
            "outside_area": 1,
        },
    )
    detail = out.rejected.set_index("record")["detail"]
    assert "Self-intersection" in detail["45999000AE"]
    assert set(detail.index) == {"record 2", "45999000AA", *(f"45999000A{c}" for c in "CDEF")}


def test_rows_come_sorted_by_key_with_the_columns_of_the_schema() -> None:
    layer = sections([square(619000, 6754000), square(619020, 6754000)], ["b", "a"])
    out = normalise(layer, TWIN)
    assert list(out.frame["section_id"]) == ["a", "b"]
    assert list(out.frame.columns) == ["section_id", "insee_code", "created_on", "updated_on", "geometry"]
    assert out.reference == TWIN.flat()
    assert list(out.frame.index) == [0, 1]


def test_degrees_become_lambert_93() -> None:
    # IGN's point G1: 2.3365066, 50.399936575 is 652760.737, 7033791.243 in Lambert-93 (Circé).
    lon, lat = 2.3365066, 50.399936575
    tiny = shapely.Point(lon, lat).buffer(1e-6)
    out = normalise(sections([tiny], ["a"], crs="EPSG:4326"), TWIN)
    centre = out.frame.geometry.iloc[0].centroid
    assert centre.distance(shapely.Point(652760.737, 7033791.243)) < 0.002  # published to the millimetre
    (operation,) = out.provenance.operations
    assert (operation.source, operation.target) == ("EPSG:4326", "EPSG:2154")


def test_one_record_outside_the_area_of_use_does_not_stop_the_layer() -> None:
    layer = sections([square(619000, 6754000), square(0, 0)], ["a", "b"])
    moved = normalise(layer, Reference(horizontal="EPSG:3948"))
    assert list(moved.frame["section_id"]) == ["a"]
    assert moved.counts.rejected == {"outside_crs_area": 1}


def test_a_layer_wholly_outside_the_area_of_use_is_an_error() -> None:
    with pytest.raises(OutsideAreaError):
        normalise(sections([square(0, 0), square(50, 0)], ["a", "b"]), Reference(horizontal="EPSG:3948"))


def test_elevations_without_a_vertical_reference_are_an_error() -> None:
    with pytest.raises(MissingHeightReferenceError, match="elevation_m"):
        normalise(stations([100.0], Reference(horizontal="EPSG:4326")), TWIN)


def test_unknown_elevations_need_no_vertical_reference() -> None:
    out = normalise(stations([float("nan")], Reference(horizontal="EPSG:4326")), TWIN)
    assert out.frame["elevation_m"].isna().all()
    assert out.reference == TWIN.flat()


def test_ellipsoidal_elevations_follow_the_declared_undulation() -> None:
    undulation = DeclaredUndulation(value_m=45.0, accuracy_m=0.1, source="hand-made for this test")
    native = Reference(horizontal="EPSG:4326", vertical="EPSG:5720")
    same = normalise(stations([100.0, float("nan")], native), TWIN, undulation=undulation)
    assert same.frame["elevation_m"].iloc[0] == 100.0  # same vertical reference: untouched, bit for bit
    assert same.reference == TWIN


def test_a_column_that_the_schema_promises_must_be_there() -> None:
    layer = sections([square(619000, 6754000)], ["a"])
    frame = layer.frame.drop(columns="insee_code")
    broken = Layer(
        name="sections", frame=frame, reference=layer.reference, provenance=ORIGIN, counts=Counts(read=1, kept=1)
    )
    with pytest.raises(SchemaError, match="insee_code"):
        normalise(broken, TWIN)


def test_an_empty_layer_stays_an_empty_layer(tmp_path: Path) -> None:
    out = normalise(sections([], []), TWIN, area=AreaOfInterest(bbox=(0, 0, 1, 1)))
    assert len(out.frame) == 0
    assert out.counts == Counts(read=0, kept=0)


def test_observations_are_sorted_by_time_and_typed() -> None:
    frame = pd.DataFrame(
        {
            "datastream_id": ["b", "a", "a"],
            "phenomenon_at": ["2026-03-01T01:00:00Z", "2026-03-01T01:00:00Z", "2026-03-01T00:00:00Z"],
            "result": [1.0, 2.0, 3.0],
        }
    )
    layer = Layer(name="observations", frame=frame, reference=None, provenance=ORIGIN, counts=Counts(read=3, kept=3))
    out = normalise(layer, TWIN)
    assert list(out.frame["result"]) == [3.0, 2.0, 1.0]
    assert str(out.frame["phenomenon_at"].dtype) == "datetime64[us, UTC]"
