"""Repair on request: the areas are those worked out by hand, the doubtful stays, and everything is on record."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString, MultiPolygon, Polygon
from shapely.geometry import box

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.base_layers.quality import REPAIR_COLUMNS, repaired
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance

REFERENCE = Reference.model_validate("EPSG:2154")
X, Y = 930_000.0, 6_700_000.0


def placed(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(X + x, Y + y) for x, y in points]


# A square of 100 m² whose ring runs out to a point and back: the spike has no area.
SPIKE = Polygon(placed((0, 0), (10, 0), (10, 10), (10, 15), (10, 10), (0, 10)))
# Two triangles of 25 m² that meet in a point: the ring encloses 0 m² by its signs.
BOW = Polygon(placed((20, 0), (30, 10), (30, 0), (20, 10)))
# A square of 100 m² and, inside it, the same again as a second part.
TWICE = MultiPolygon([box(X + 40, Y, X + 50, Y + 10), box(X + 40, Y, X + 50, Y + 10)])
SOUND = box(X + 60, Y, X + 70, Y + 10)


def localities(*shapes: object) -> Layer:
    names = [f"L{n}" for n in range(len(shapes))]
    frame = gpd.GeoDataFrame(
        {"locality_id": names, "insee_code": "25354", "locality_name": "x", "created_on": None, "updated_on": None},
        geometry=list(shapes),
        crs="EPSG:2154",
    )
    return Layer(
        name="localities",
        frame=frame,
        reference=REFERENCE,
        provenance=Provenance(producer="tests", licence="none"),
        counts=Counts(read=len(shapes), kept=len(shapes)),
    )


def test_nothing_is_repaired_unless_it_is_asked_for() -> None:
    layer = normalise(localities(SPIKE, BOW, TWICE, SOUND), REFERENCE)
    assert layer.counts.rejected == {"invalid_geometry": 3}


def test_a_spike_is_cut_off_and_recorded() -> None:
    layer, table = repaired(localities(SPIKE, SOUND))
    assert table.to_dict("records") == [
        {
            "record": "L0",
            "reason": "Ring Self-intersection[930010 6700010]",
            "area_before_m2": 100.0,
            "area_after_m2": 100.0,
            "is_repaired": True,
        }
    ]
    assert layer.frame.geometry.is_valid.all()
    assert layer.frame.geometry[0].equals(box(X, Y, X + 10, Y + 10))
    assert layer.frame.geometry[1].equals_exact(SOUND, 0)
    assert layer.provenance.notes == ("localities: 1 invalid polygons repaired on request, 0 left",)
    assert normalise(layer, REFERENCE).counts.rejected == {}


def test_a_drawing_with_two_meanings_is_left_to_somebody_who_knows() -> None:
    layer, table = repaired(localities(BOW, TWICE))
    assert table["is_repaired"].tolist() == [False, False]
    assert table["area_before_m2"].tolist() == table["area_after_m2"].tolist() == [0.0, 200.0]
    assert layer.provenance.notes == ()
    assert normalise(layer, REFERENCE).counts.rejected == {"invalid_geometry": 2}
    _, table = repaired(localities(TWICE), max_area_change_pct=50)
    assert table[["area_before_m2", "area_after_m2", "is_repaired"]].values.tolist() == [[200.0, 100.0, True]]


def test_sound_lines_and_missing_outlines_are_not_touched() -> None:
    layer = localities(SOUND, LineString(placed((0, 0), (5, 5))), None)
    same, table = repaired(layer)
    assert same is layer
    assert tuple(table.columns) == REPAIR_COLUMNS
    assert table.empty


def test_a_table_without_places_has_nothing_to_repair() -> None:
    layer = localities(SOUND)
    plain = replace(layer, name="datastreams", frame=pd.DataFrame({"datastream_id": ["D1"]}), reference=None)
    assert repaired(plain)[0] is plain


@pytest.mark.shared
def test_the_invalid_polygons_of_the_plu_are_reported_and_repaired_on_request(shared, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """One in INFO_SURF and one in PRESCRIPTION_SURF, as their README says."""
    import shutil

    for name, n in (("INFO_SURF", 26), ("PRESCRIPTION_SURF", 30)):
        shutil.copy(shared / f"data/base_layers/plu_gml/{name}.gml", tmp_path)
        shapes = gpd.read_file(tmp_path / f"{name}.gml").geometry
        layer, table = repaired(localities(*shapes))
        assert len(shapes) == n
        assert len(table) == 1
        assert layer.frame.geometry.is_valid.all() == table["is_repaired"].item()
        assert table["is_repaired"].item()
