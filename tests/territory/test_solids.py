"""Solids: closed, outward prisms on any footprint, and their triangles."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.solids import Solid, extrude, solids_of, triangulate, validate_solid

# Paris in Lambert-93: the magnitude at which careless arithmetic loses millimetres.
EAST, NORTH = 652_000.0, 6_862_000.0


def mesh_volume(solid: Solid) -> float:
    vertices, triangles, _ = triangulate(solid)
    a, b, c = (vertices - vertices[0])[triangles].transpose(1, 0, 2)
    return float((np.cross(a, b) * c).sum() / 6)


def assert_watertight(solid: Solid) -> None:
    """Every edge of the mesh once in each direction: no hole, no T-junction, one orientation."""
    vertices, triangles, faces = triangulate(solid)
    assert vertices is solid.vertices
    assert len(faces) == len(triangles)
    directed = Counter((int(t[i]), int(t[(i + 1) % 3])) for t in triangles for i in range(3))
    assert set(directed.values()) == {1}
    assert all((j, i) in directed for i, j in directed)


def test_a_box_has_six_faces_and_its_volume() -> None:
    solid = extrude(box(0, 0, 2, 3), 10.0, 14.0)
    assert solid.vertices.shape == (8, 3)
    assert solid.semantics == ("GroundSurface", "RoofSurface", *["WallSurface"] * 4)
    assert solid.volume_m3 == pytest.approx(24.0)
    assert validate_solid(solid) == ()
    assert_watertight(solid)


def test_ground_looks_down_and_roof_looks_up() -> None:
    solid = extrude(box(0, 0, 2, 3), 10.0, 14.0)
    for face, elevation, up in ((solid.faces[0], 10.0, -6.0), (solid.faces[1], 14.0, 6.0)):
        ring = solid.vertices[list(face[0])]
        assert set(ring[:, 2]) == {elevation}
        x, y = ring[:, 0], ring[:, 1]
        assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2 == pytest.approx(up)


def test_order_and_direction_of_the_ring_do_not_change_the_solid() -> None:
    corners = [(0, 0), (4, 0), (4, 2), (2, 2), (2, 5), (0, 5)]
    expected = extrude(Polygon(corners), 0, 3)
    for ring in (corners[2:] + corners[:2], corners[::-1]):
        solid = extrude(Polygon(ring), 0, 3)
        assert solid.vertices.tobytes() == expected.vertices.tobytes()
        assert solid.faces == expected.faces


def test_vertices_repeated_in_a_row_are_merged() -> None:
    solid = extrude(Polygon([(0, 0), (0, 0), (5, 0), (5, 0.0004), (5, 5), (0, 5), (0, 5)]), 0, 2)
    assert len(solid.vertices) == 8
    assert validate_solid(solid) == ()


def test_vertices_in_a_straight_line_stay_without_t_junction() -> None:
    solid = extrude(Polygon([(0, 0), (3, 0), (5, 0), (10, 0), (10, 10), (0, 10)]), 0, 2)
    assert solid.semantics.count("WallSurface") == 6
    assert validate_solid(solid) == ()
    assert_watertight(solid)
    assert mesh_volume(solid) == pytest.approx(200.0)


def test_walls_of_a_courtyard_look_into_the_courtyard() -> None:
    footprint = Polygon(box(0, 0, 10, 10).exterior, [box(4, 4, 6, 6).exterior])
    solid = extrude(footprint, 1, 6)
    assert solid.volume_m3 == pytest.approx((100 - 4) * 5)
    assert [len(face) for face in solid.faces[:2]] == [2, 2]
    assert validate_solid(solid) == ()
    assert_watertight(solid)
    for face in solid.faces[2:]:
        a, b, c, _ = solid.vertices[list(face[0])]
        outward = np.cross(b - a, c - b)[:2]
        step = (a + b)[:2] / 2 + outward / np.linalg.norm(outward) * 0.1
        assert not footprint.contains(shapely.Point(step))


def test_every_part_of_a_footprint_gets_its_solid() -> None:
    parts = solids_of(MultiPolygon([box(20, 0, 23, 2), box(0, 0, 2, 2)]), 0, 10)
    assert [solid.volume_m3 for solid in parts] == pytest.approx([60, 40])
    with pytest.raises(AssemblyError, match="several parts"):
        extrude(Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), 0, 1)


def test_a_ring_that_crosses_itself_gives_two_solids() -> None:
    parts = solids_of(Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), 0, 1)
    assert [solid.volume_m3 for solid in parts] == pytest.approx([25, 25])
    assert [validate_solid(solid) for solid in parts] == [(), ()]


@pytest.mark.parametrize(
    "footprint",
    [
        # A courtyard that meets the street in a corner, in the middle of a straight wall, and a ring that closes on
        # itself (the same shape, written as one ring).
        Polygon([(0, 0), (10, 0), (10, 10), (5, 5), (0, 10)], [[(5, 5), (4, 2), (6, 2)]]),
        Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(5, 0), (4, 2), (6, 2)]]),
        Polygon([(0, 0), (10, 0), (10, 10), (5, 5), (6, 2), (4, 2), (5, 5), (0, 10)]),
    ],
    ids=["corner", "wall", "one ring"],
)
def test_an_outline_that_touches_itself_is_thickened_by_two_centimetres(footprint: Polygon) -> None:
    area = 72.0 if len(footprint.exterior.coords) != 5 else 98.0
    (solid,) = solids_of(footprint, 0, 1)
    assert validate_solid(solid) == ()
    assert_watertight(solid)
    # At most 4 cm² for the square, and 0.7 mm along the slanted edges (26 m) whose new ends are snapped to 1 mm.
    assert 0 < solid.volume_m3 - area < 4e-4 + 26 * 7e-4


def test_a_sliver_of_half_a_millimetre_carries_no_solid() -> None:
    with pytest.raises(AssemblyError, match="carries no solid"):
        extrude(box(0, 0, 30, 0.0004), 0, 5)
    parts = solids_of(MultiPolygon([box(0, 0, 30, 0.0004), box(0, 1, 2, 2)]), 0, 5)
    assert [solid.volume_m3 for solid in parts] == pytest.approx([10])


def test_a_sliver_of_two_centimetres_is_still_a_sound_solid() -> None:
    solid = extrude(box(EAST, NORTH, EAST + 30, NORTH + 0.02), 35, 40)
    assert solid.volume_m3 == pytest.approx(3.0)
    assert validate_solid(solid) == ()


@pytest.mark.parametrize(("base", "top"), [(5.0, 5.0), (5.0, 4.0), (5.0, 5.0004)])
def test_a_top_that_is_not_above_the_base_is_refused(base: float, top: float) -> None:
    with pytest.raises(AssemblyError, match=r"not above its base(.|\n)*vertical datum"):
        extrude(box(0, 0, 1, 1), base, top)


def test_unknown_elevations_are_refused() -> None:
    with pytest.raises(AssemblyError, match="without elevations"):
        extrude(box(0, 0, 1, 1), math.nan, 4)


@pytest.mark.parametrize("nothing", [Polygon(), None, shapely.Point(1, 2)], ids=["empty", "none", "point"])
def test_what_has_no_surface_carries_no_solid(nothing: Polygon) -> None:
    with pytest.raises(AssemblyError, match="carries no solid"):
        solids_of(nothing, 0, 1)


CUBE = extrude(box(0, 0, 1, 1), 0, 1)


def moved(solid: Solid, vertex: int, to: tuple[float, float, float]) -> Solid:
    vertices = solid.vertices.copy()
    vertices[vertex] = to
    return dataclasses.replace(solid, vertices=vertices)


def without_last_wall(solid: Solid) -> Solid:
    return dataclasses.replace(solid, faces=solid.faces[:-1], semantics=solid.semantics[:-1])


def flipped(solid: Solid, face: int) -> Solid:
    faces = list(solid.faces)
    faces[face] = tuple(ring[::-1] for ring in faces[face])
    return dataclasses.replace(solid, faces=tuple(faces))


def doubled(solid: Solid) -> Solid:
    far = tuple(tuple(tuple(i + 8 for i in ring) for ring in face) for face in solid.faces)
    return Solid(np.vstack([solid.vertices, solid.vertices + 5]), solid.faces + far, solid.semantics * 2)


@pytest.mark.parametrize(
    ("broken", "finding"),
    [
        (without_last_wall(CUBE), "no face on its other side"),
        (flipped(CUBE, 3), "times in one direction"),
        (moved(CUBE, 6, tuple(CUBE.vertices[6] + 0.1)), "not planar"),
        (moved(CUBE, 1, tuple(CUBE.vertices[0])), "0 and 1 are the same point"),
        (moved(CUBE, 1, (math.nan, 0, 0)), "not finite"),
        (dataclasses.replace(CUBE, vertices=np.vstack([CUBE.vertices, [9, 9, 9]])), "8 is used by no face"),
        (dataclasses.replace(CUBE, faces=(*CUBE.faces[:-1], ((0, 1),))), "a ring of 2 vertices"),
        (dataclasses.replace(CUBE, faces=(*CUBE.faces[:-1], ((0, 1, 99),))), "does not exist"),
        (dataclasses.replace(CUBE, faces=(*CUBE.faces[:-1], ((0, 1, 0, 5),))), "passes twice"),
        (dataclasses.replace(CUBE, semantics=CUBE.semantics[1:]), "5 semantics"),
        (doubled(CUBE), "2 separate shells"),
    ],
)
def test_a_broken_solid_is_named(broken: Solid, finding: str) -> None:
    assert any(finding in text for text in validate_solid(broken)), validate_solid(broken)


def test_a_solid_inside_out_is_named() -> None:
    inside_out = CUBE
    for face in range(6):
        inside_out = flipped(inside_out, face)
    assert inside_out.volume_m3 == pytest.approx(-1)
    assert validate_solid(inside_out) == ("orientation: volume is -1.000000 m³, faces look inwards or enclose nothing",)


def test_a_face_that_crosses_itself_cannot_be_cut() -> None:
    crossing = Solid(CUBE.vertices, (((0, 2, 1, 3),),), ("GroundSurface",))
    with pytest.raises(AssemblyError, match="cannot be cut"):
        triangulate(crossing)


@st.composite
def ring_in(draw: st.DrawFn, nearest: float, farthest: float) -> list[tuple[float, float]]:
    n = draw(st.integers(5, 14))
    radii = draw(st.lists(st.integers(round(nearest * 1000), round(farthest * 1000)), min_size=n, max_size=n))
    angles = [2 * math.pi * i / n for i in range(n)]
    return [
        (EAST + round(r * math.cos(a)) / 1000, NORTH + round(r * math.sin(a)) / 1000)
        for r, a in zip(radii, angles, strict=True)
    ]


@st.composite
def star_with_courtyard(draw: st.DrawFn) -> Polygon:
    # Edges between vertices at 5 m or more, 72° apart or less, stay 4 m off the middle: the courtyard fits.
    holes = [draw(ring_in(1.0, 3.9))] if draw(st.booleans()) else []
    return Polygon(draw(ring_in(5.0, 20.0)), holes)


@settings(max_examples=60)
@given(star_with_courtyard(), st.integers(-50_000, 4_800_000), st.integers(1, 300_000))
def test_any_outline_with_a_courtyard_gives_a_closed_outward_solid_of_area_times_height(
    footprint: Polygon, base_mm: int, height_mm: int
) -> None:
    solid = extrude(footprint, base_mm / 1000, (base_mm + height_mm) / 1000)
    expected = footprint.area * height_mm / 1000
    assert validate_solid(solid) == ()
    # Coordinates of 1e7 m carry 1e-9 m: relative to the smallest height here, a millionth.
    assert solid.volume_m3 == pytest.approx(expected, rel=1e-5)
    assert mesh_volume(solid) == pytest.approx(expected, rel=1e-5)
    assert_watertight(solid)


@settings(max_examples=80)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
def test_any_union_of_cells_gives_sound_solids_corners_that_touch_included(cells: set[tuple[int, int]]) -> None:
    # Unions of unit squares have courtyards, straight-line vertices, parts and corners that touch.
    footprint = shapely.unary_union([box(x, y, x + 1, y + 1) for x, y in cells])
    solids = solids_of(footprint, 0, 2)
    for solid in solids:
        assert validate_solid(solid) == ()
        assert_watertight(solid)
    # At most 4 cm² for each of at most 25 inner corners.
    assert sum(solid.volume_m3 for solid in solids) == pytest.approx(2 * len(cells), abs=2 * 25 * 4e-4)


def test_elevations_in_the_outline_are_not_read() -> None:
    solid = extrude(shapely.force_3d(box(0, 0, 1, 1), -1000), 2, 3)
    assert sorted(set(solid.vertices[:, 2])) == [2, 3]
