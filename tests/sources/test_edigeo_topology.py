"""Outlines of EDIGÉO objects: holes, faces that touch, faces side by side, arcs that do not close."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon

from edigeo_plans import EAST, NORTH, changed, layers_of, moved, parcel, read, shape, sheet, square
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.samples.edigeo import PlanObject, write_sheet_folder
from jnt_pipeline.samples.edigeo_topology import OUTSIDE, arcs_between

HOLE = ((20.0, 20.0), (20.0, 40.0), (40.0, 40.0), (40.0, 20.0))
TOUCHING = ((100.0, 50.0), (80.0, 60.0), (80.0, 40.0))
"""Touches the outer ring of a square of 100 m in its vertex (100, 50)."""


def outer(*holes: tuple[tuple[float, float], ...]) -> Polygon:
    return shape((0, 0), (100, 0), (100, 50), (100, 100), (0, 100), holes=holes)


def the_one(folder: Path, one: PlanObject, layer: str) -> shapely.Geometry:
    found: shapely.Geometry = read(folder, one)[layer].frame.geometry.iloc[0]
    return found


def by_gdal(folder: Path, name: str, *objects: PlanObject) -> shapely.Geometry:
    found: shapely.Geometry = pyogrio.read_dataframe(write_sheet_folder(folder, sheet(*objects)), layer=name).geometry[
        0
    ]
    return found


@pytest.mark.parametrize(
    ("drawn", "area"),
    [
        (outer(), 10_000.0),
        (outer(HOLE), 9_600.0),
        (outer(TOUCHING), 9_800.0),
        (outer(HOLE, TOUCHING), 9_400.0),
        # holes that touch one another in cascade (§5.2.3)
        (outer(TOUCHING, ((80.0, 40.0), (60.0, 50.0), (60.0, 30.0))), 9_600.0),
    ],
    ids=["plain", "hole", "touching hole", "both", "cascade"],
)
@pytest.mark.parametrize("name", ["PARCELLE", "BATIMENT"], ids=["topological", "spaghetti"])
def test_holes_come_back_as_holes_even_where_they_touch(tmp_path: Path, name: str, drawn: Polygon, area: float) -> None:
    one = parcel(1, drawn) if name == "PARCELLE" else PlanObject(name=name, geometry=drawn, attributes={"DUR": "01"})
    found = the_one(tmp_path, one, "parcels" if name == "PARCELLE" else "footprints")
    assert found.is_valid
    assert found.area == area
    assert found.equals(drawn)
    assert len(found.interiors) == len(drawn.interiors)
    assert by_gdal(tmp_path, f"{name}_id", one).equals(drawn)  # here GDAL is right as well


def test_a_parcel_in_the_hole_of_another_is_not_part_of_it(tmp_path: Path) -> None:
    frame = read(tmp_path, parcel(1, outer(HOLE)), parcel(2, Polygon([moved(p) for p in HOLE])))["parcels"].frame
    assert frame.geometry.area.tolist() == [9_600.0, 400.0]


def test_a_face_without_object_is_no_parcel(tmp_path: Path) -> None:
    # the hole is public domain (domaine non cadastré): a face, and no object
    layers = read(tmp_path, parcel(1, outer(HOLE)))
    assert len(layers["parcels"].frame) == 1


def test_a_section_of_faces_apart_is_one_multipolygon(tmp_path: Path) -> None:
    drawn = MultiPolygon([square(0, 0, 10), square(50, 0, 10)])
    one = PlanObject(name="SECTION", geometry=drawn, attributes={"IDU": "0010000A", "TEX": "A"})
    assert the_one(tmp_path, one, "sections").equals(drawn)


def test_a_building_of_faces_side_by_side_is_one_valid_outline_where_gdal_makes_an_invalid_one(tmp_path: Path) -> None:
    drawn = MultiPolygon([square(0, 0, 10), square(10, 0, 10)])
    one = PlanObject(name="BATIMENT", geometry=drawn, attributes={"DUR": "01"})
    found = the_one(tmp_path, one, "footprints")
    assert found.is_valid
    assert found.geom_type == "Polygon"
    assert found.area == 200.0
    assert not by_gdal(tmp_path, "BATIMENT_id", one).is_valid


def test_faces_of_one_object_that_overlap_are_not_guessed_but_set_aside_as_invalid(tmp_path: Path) -> None:
    drawn = MultiPolygon([square(0, 0, 10), square(5, 0, 10)])
    layer = read(tmp_path, PlanObject(name="BATIMENT", geometry=drawn, attributes={"DUR": "01"}))["footprints"]
    assert normalise(layer, Reference(horizontal="EPSG:2154")).counts.rejected == {"invalid_geometry": 1}


def test_a_face_inside_another_of_the_same_object_is_left_as_it_is_where_gdal_makes_a_hole_of_it(
    tmp_path: Path,
) -> None:
    drawn = MultiPolygon([square(0, 0, 10), square(2, 2, 2)])
    one = PlanObject(name="BATIMENT", geometry=drawn, attributes={"DUR": "01"})
    assert not the_one(tmp_path, one, "footprints").is_valid  # told by the normaliser: the plan contradicts itself
    assert by_gdal(tmp_path, "BATIMENT_id", one).area == 96.0


@pytest.mark.parametrize("side", ["ID_S_RCO_FAC_GCHE", "ID_S_RCO_FAC_DRTE"])
def test_in_spaghetti_the_side_of_a_face_means_nothing(tmp_path: Path, side: str) -> None:
    plan = sheet(PlanObject(name="BATIMENT", geometry=outer(HOLE), attributes={"DUR": "01"}))
    other = {"ID_S_RCO_FAC_GCHE": "ID_S_RCO_FAC_DRTE", "ID_S_RCO_FAC_DRTE": "ID_S_RCO_FAC_GCHE"}[side]
    path = changed(tmp_path, plan, "ED0A01S1.VEC", other, side)
    assert layers_of(path)["footprints"].frame.geometry.area.tolist() == [9_600.0]


def test_an_arc_that_does_not_close_sets_its_parcels_aside_with_the_place(tmp_path: Path) -> None:
    two = sheet(parcel(1, square(0, 0, 10)), parcel(2, square(50, 0, 10)))
    # the arc of parcel 1 loses its last point, and says so: the node at its end is another place now
    text = "PTCSN01:5\r\nCORCC23:+900000.00;+6500000.00;\r\nCORCC23:+900010.00;+6500000.00;\r\n"
    less = "PTCSN01:4\r\nCORCC23:+900010.00;+6500000.00;\r\n"
    layer = layers_of(changed(tmp_path, two, "ED0A01T1.VEC", text, less))["parcels"]
    assert layer.frame["parcel_id"].tolist() == ["380010000A0002"]
    assert layer.counts.rejected == {"broken_ring": 1}
    record, reason, detail = layer.rejected.iloc[0]
    assert (record[:12], reason) == ("0010000A0001", "broken_ring")
    assert detail == "the arcs do not close: open at (900000.00, 6500000.00), (900010.00, 6500000.00)"


def test_a_face_that_is_not_described_sets_its_object_aside(tmp_path: Path) -> None:
    plan = sheet(parcel(1, square(0, 0, 10)))
    broken = changed(
        tmp_path, plan, "ED0A01T1.VEC", "FTPCP25:ED0A01;SeTOP_1;PFE;Face_1", "FTPCP25:ED0A01;SeTOP_1;PFE;Face_9"
    )
    layer = layers_of(broken)["parcels"]
    assert layer.rejected[["reason", "detail"]].to_numpy().tolist() == [["broken_ring", "face Face_9 is not described"]]


def test_an_object_whose_identifier_was_met_before_is_set_aside(tmp_path: Path) -> None:
    plan = sheet(parcel(1, square(0, 0, 10)), parcel(2, square(50, 0, 10)))
    path = changed(tmp_path, plan, "ED0A01T1.VEC", "RTYSA03:FEA\r\nRIDSA07:Objet_2", "RTYSA03:FEA\r\nRIDSA07:Objet_1")
    layer = layers_of(path)["parcels"]
    assert layer.counts.rejected == {"duplicate_object": 1}
    assert layer.frame["parcel_id"].tolist() == ["380010000A0001"]


def test_a_parcel_that_is_not_drawn_stays_without_geometry_for_the_normaliser_to_tell(tmp_path: Path) -> None:
    layer = read(tmp_path, parcel(1, square(0, 0, 10)), parcel(2, None, INDP="02"))["parcels"]
    assert layer.counts.kept == 2
    assert "parcels that are not drawn on the plan (INDP 02)" in layer.provenance.notes
    assert normalise(layer, Reference(horizontal="EPSG:2154")).counts.rejected == {"missing_geometry": 1}


def test_a_bow_tie_through_a_vertex_is_read_as_its_two_triangles(tmp_path: Path) -> None:
    drawn = shape((0, 0), (10, 10), (20, 0), (20, 20), (10, 10), (0, 20))
    found = the_one(tmp_path, PlanObject(name="BATIMENT", geometry=drawn, attributes={"DUR": "01"}), "footprints")
    assert found.is_valid
    assert (found.geom_type, found.area) == ("MultiPolygon", 200.0)


def test_a_way_there_and_back_is_not_cut_off(tmp_path: Path) -> None:
    spike = shape((0, 0), (10, 0), (20, 0), (10, 0), (10, 10), (0, 10))
    layer = read(tmp_path, PlanObject(name="BATIMENT", geometry=spike, attributes={"DUR": "01"}))["footprints"]
    assert layer.frame.geometry.iloc[0].bounds[2] == EAST + 20
    assert normalise(layer, Reference(horizontal="EPSG:2154")).counts.rejected == {"invalid_geometry": 1}


def test_lines_keep_their_parts_and_an_arc_taken_backwards_is_turned(tmp_path: Path) -> None:
    drawn = MultiLineString([[moved((0, 0)), moved((1, 1))], [moved((5, 5)), moved((9, 5))]])
    plan = sheet(parcel(1, square(0, 0, 10)), PlanObject(name="TLINE", geometry=drawn, attributes={"SYM": "29"}))
    path = changed(tmp_path, plan, "ED0A01S1.VEC", "Arc_Objet_2_2\r\nSNSSA01:P", "Arc_Objet_2_2\r\nSNSSA01:M")
    found = layers_of(path)["cadastral_lines"].frame.geometry.iloc[0]
    assert shapely.get_coordinates(found).tolist() == [list(moved(place)) for place in ((0, 0), (1, 1), (9, 5), (5, 5))]


def test_points_and_lines_come_back_to_the_centimetre(tmp_path: Path) -> None:
    objects = (
        PlanObject(name="NUMVOIE", geometry=Point(EAST + 1.237, NORTH + 2.001), attributes={"TEX": "12B"}),
        PlanObject(name="ZONCOMMUNI", geometry=LineString([moved((0, 0)), moved((3.5, 4))]), attributes={"TEX": "Rue"}),
    )
    layers = read(tmp_path, *objects)
    assert layers["cadastral_points"].frame.geometry.iloc[0].equals(Point(900_001.24, 6_500_002.0))
    assert layers["cadastral_lines"].frame.geometry.iloc[0].length == pytest.approx(5.315, abs=0.001)


def test_arcs_of_two_neighbours_are_three_the_border_once() -> None:
    arcs = arcs_between([square(0, 0, 10), square(10, 0, 10)])
    assert sorted((arc.left, arc.right) for arc in arcs) == [(0, OUTSIDE), (0, 1), (1, OUTSIDE)]


CELLS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=14, unique=True)


@settings(max_examples=25)
@given(parcels=st.lists(CELLS, min_size=1, max_size=4), jitter=st.integers(0, 2**32 - 1))
def test_whatever_is_written_is_read_back_to_the_centimetre(parcels: list[list[tuple[int, int]]], jitter: int) -> None:
    # Unions of the cells of a bent lattice: holes, holes that touch, parts that touch, shared borders.
    moves = np.random.default_rng(jitter).uniform(-2.0, 2.0, size=(6, 6, 2))
    corner = {
        (i, j): (EAST + 10 * i + moves[i, j, 0], NORTH + 10 * j + moves[i, j, 1]) for i in range(6) for j in range(6)
    }
    rounded = {place: tuple(round(value, 2) for value in at) for place, at in corner.items()}
    taken: set[tuple[int, int]] = set()
    drawn = []
    for cells in parcels:
        free = [cell for cell in cells if cell not in taken]
        taken.update(free)
        polygons = [
            Polygon([rounded[i, j], rounded[i + 1, j], rounded[i + 1, j + 1], rounded[i, j + 1]]) for i, j in free
        ]
        if polygons:
            drawn.append(shapely.coverage_union_all(polygons))
    objects = [
        PlanObject(name="SECTION", geometry=one, attributes={"IDU": f"0010000{n}", "TEX": "A"})
        for n, one in zip("ABCD", drawn, strict=False)
    ]
    buildings = [PlanObject(name="BATIMENT", geometry=one, attributes={"DUR": "01"}) for one in drawn]
    with TemporaryDirectory() as folder:
        layers = read(Path(folder), *objects, *buildings)
    for name in ("sections", "footprints"):
        found = layers[name].frame.geometry.to_numpy()
        assert len(found) == len(drawn)
        assert shapely.is_valid(found).all()
        assert shapely.equals(found, np.array(drawn, dtype=object)).all()
    assert not pd.isna(layers["footprints"].frame["footprint_id"]).any()
