"""Solids on roof faces: closed, with walls where faces part, whatever way they meet; volumes worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.roofs.faces import Plane, RoofFace
from jnt_pipeline.territory.roofs.saddles import without_saddles
from jnt_pipeline.territory.roofs.shapes import ROOF_TYPES, roof_type
from jnt_pipeline.territory.roofs.shells import PLANARITY_M, roof_solid
from jnt_pipeline.territory.solids import GROUND, ROOF, WALL, Solid, triangulate, validate_solid

ORIGIN = (651_000.0, 6_851_000.0)


def face(plan: Polygon, a: float, b: float, c: float) -> RoofFace:
    """A face over a plan in metres from the origin, on ``a·x + b·y + c``."""
    moved = Polygon(
        [(x + ORIGIN[0], y + ORIGIN[1]) for x, y in plan.exterior.coords],
        [[(x + ORIGIN[0], y + ORIGIN[1]) for x, y in ring.coords] for ring in plan.interiors],
    )
    return RoofFace(polygon=moved, plane=Plane(a, b, c, ORIGIN), n_points=0, rmse_m=float("nan"))


def rectangle(west: float, south: float, east: float, north: float, *between: tuple[float, float]) -> Polygon:
    """Counter-clockwise; ``between`` are put in where they lie on an edge."""
    corners = [(west, south), (east, south), (east, north), (west, north)]
    ring = []
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        inner = [
            (x, y)
            for x, y in between
            if (x - x1) * (y2 - y1) == (y - y1) * (x2 - x1) and min(x1, x2) <= x <= max(x1, x2)
            and min(y1, y2) <= y <= max(y1, y2) and (x, y) not in corners
        ]  # fmt: skip
        ring += [(x1, y1), *sorted(inner, key=lambda p: abs(p[0] - x1) + abs(p[1] - y1))]
    return Polygon(ring)


def sound(*faces: RoofFace, ground: float = 100.0) -> Solid:
    solid = roof_solid(faces, ground)
    assert validate_solid(solid, planarity_m=PLANARITY_M) == ()
    triangulate(solid)
    return solid


GABLE = (
    face(Polygon([(0, 0), (10, 0), (10, 4), (0, 4)]), 0, 0.5, 106),
    face(Polygon([(0, 4), (10, 4), (10, 8), (0, 8)]), 0, -0.5, 110),
)


def test_a_flat_roof_gives_the_prism() -> None:
    solid = sound(face(box(0, 0, 10, 8), 0, 0, 106))
    assert solid.volume_m3 == pytest.approx(480)
    assert solid.semantics == (GROUND, ROOF, WALL, WALL, WALL, WALL)


def test_a_gable_has_its_volume_and_no_wall_under_the_ridge() -> None:
    solid = sound(*GABLE)
    # 10 x 8 x 6 under the eaves, and 10 x 8 x 2 / 2 in the roof.
    assert solid.volume_m3 == pytest.approx(480 + 80)
    assert solid.semantics.count(ROOF) == 2
    # The gable walls are pentagons' halves: one edge of the outline each side of the ridge.
    assert solid.semantics.count(WALL) == 6


def test_a_step_stands_on_a_wall_of_its_own() -> None:
    low, high = face(box(0, 0, 5, 8), 0, 0, 104), face(box(5, 0, 10, 8), 0, 0, 107)
    solid = sound(low, high)
    assert solid.volume_m3 == pytest.approx(5 * 8 * 4 + 5 * 8 * 7)
    inner = [
        f
        for f, kind in zip(solid.faces, solid.semantics, strict=True)
        if kind == WALL and (solid.vertices[list(f[0]), 0] == ORIGIN[0] + 5).all()
    ]
    assert len(inner) == 1
    assert sorted({float(solid.vertices[i, 2]) for i in inner[0][0]}) == [104, 107]


def test_faces_that_cross_along_their_edge_get_a_node_where_they_do() -> None:
    # Along x = 5 the west is level at 106; the east rises from 105 to 107 over y = 0 to 8: they meet at y = 4.
    solid = sound(face(box(0, 0, 5, 8), 0, 0, 106), face(box(5, 0, 10, 8), 0, 0.25, 105))
    assert solid.volume_m3 == pytest.approx(40 * 6 + 40 * 6)
    crossing = np.array([ORIGIN[0] + 5, ORIGIN[1] + 4, 106])
    assert (np.abs(solid.vertices - crossing) < 1e-9).all(axis=1).any()
    assert sum(kind == WALL for kind in solid.semantics) == 6 + 2


def test_faces_within_five_millimetres_meet_without_a_wall() -> None:
    solid = sound(face(box(0, 0, 5, 8), 0, 0, 106), face(box(5, 0, 10, 8), 0, 0, 106.004))
    assert solid.semantics.count(WALL) == 6
    assert set(solid.vertices[:, 2].tolist()) <= {100.0, 106.0, 106.002, 106.004}


def test_three_levels_at_one_node_share_the_upright_edges() -> None:
    left = face(rectangle(0, 0, 5, 8, (5, 4)), 0, 0, 103)
    solid = sound(left, face(box(5, 0, 10, 4), 0, 0, 105), face(box(5, 4, 10, 8), 0, 0, 107))
    assert solid.volume_m3 == pytest.approx(40 * 3 + 20 * 5 + 20 * 7)


def test_a_courtyard_stays_open() -> None:
    solid = sound(face(Polygon(box(0, 0, 12, 12).exterior, [box(4, 4, 8, 8).exterior.reverse()]), 0, 0, 105))
    assert solid.volume_m3 == pytest.approx((144 - 16) * 5)
    assert len(solid.faces[0]) == 2


def test_a_roof_that_rises_twice_round_a_node_is_cut_free() -> None:
    plans = (box(0, 0, 5, 5), box(5, 0, 10, 5), box(5, 5, 10, 10), box(0, 5, 5, 10))
    faces = [face(plan, 0, 0, level) for plan, level in zip(plans, (107, 103, 106, 104), strict=True)]
    assert any("used 2 times" in finding for finding in validate_solid(roof_solid(faces, 100.0)))
    freed = without_saddles(faces)
    solid = sound(*freed)
    # The corner of the higher hollow, 30 mm by 30 mm, goes up to a neighbour: less than 2 litres.
    assert solid.volume_m3 == pytest.approx(25 * (7 + 3 + 6 + 4), abs=0.002)
    assert sum(f.polygon.area for f in freed) == pytest.approx(100)


def test_a_hole_that_touches_its_outer_ring_is_cut_free() -> None:
    inner = Polygon([(0, 5), (5, 2), (5, 8)])
    outer = Polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 5)], [[(0, 5), (5, 8), (5, 2)]])
    faces = without_saddles([face(outer, 0, 0, 104), face(inner, 0, 0, 106)])
    solid = sound(*faces)
    assert solid.volume_m3 == pytest.approx(85 * 4 + 15 * 6, abs=0.01)
    assert all(f.polygon.is_valid and not f.polygon.interiors for f in faces)


def test_faces_without_saddle_stay_the_same() -> None:
    assert without_saddles(GABLE) == GABLE


def test_a_roof_at_the_ground_gives_no_solid() -> None:
    with pytest.raises(AssemblyError, match="reaches the ground"):
        roof_solid([face(box(0, 0, 5, 5), 0.1, 0, 100)], 100.0)


def test_faces_that_overlap_give_no_solid() -> None:
    with pytest.raises(AssemblyError, match="overlap"):
        roof_solid([face(box(0, 0, 5, 5), 0, 0, 105), face(box(0, 0, 5, 5), 0, 0, 106)], 100.0)


def test_faces_in_two_places_give_no_solid() -> None:
    with pytest.raises(AssemblyError, match="fill one polygon"):
        roof_solid([face(box(0, 0, 5, 5), 0, 0, 105), face(box(9, 0, 12, 5), 0, 0, 106)], 100.0)


@pytest.mark.parametrize("ground", [float("nan"), float("inf")])
def test_without_ground_there_is_no_solid(ground: float) -> None:
    with pytest.raises(AssemblyError, match="no solid"):
        roof_solid(GABLE, ground)


def test_slope_azimuth_and_area_of_a_face() -> None:
    south = GABLE[0]
    # Rises northwards by 0.5 per metre: it looks south.
    assert south.plane.azimuth_deg == pytest.approx(180)
    assert south.plane.slope_deg == pytest.approx(26.565, abs=1e-3)
    assert south.area_m2 == pytest.approx(40 * 1.25**0.5)
    assert np.isnan(face(box(0, 0, 1, 1), 0, 0, 5).plane.azimuth_deg)


HIP = (
    face(Polygon([(0, 0), (12, 0), (8, 4), (4, 4)]), 0, 0.5, 106),
    face(Polygon([(12, 0), (12, 8), (8, 4)]), -0.5, 0, 112),
    face(Polygon([(12, 8), (0, 8), (4, 4), (8, 4)]), 0, -0.5, 110),
    face(Polygon([(0, 8), (0, 0), (4, 4)]), 0.5, 0, 106),
)


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ((), ""),
        ((face(box(0, 0, 9, 9), 0.02, 0, 106),), "flat"),
        ((face(box(0, 0, 5, 8), 0, 0, 104), face(box(5, 0, 10, 8), 0, 0, 107)), "flat"),
        ((face(box(0, 0, 9, 9), 0.2, 0, 106),), "shed"),
        (GABLE, "gabled"),
        (HIP, "hipped"),
        # A valley: the planes look at each other.
        ((face(box(0, 0, 9, 4), 0, -0.5, 108), face(box(0, 4, 9, 8), 0, 0.5, 104)), "complex"),
        ((GABLE[0], face(box(0, 4, 10, 8), 0, 0, 108)), "complex"),
        ((*HIP, face(box(12, 0, 15, 8), 0, 0, 104)), "complex"),
    ],
    ids=["none", "drained", "two levels", "shed", "gable", "hip", "valley", "gable and flat", "hip and annex"],
)
def test_roof_types(faces: tuple[RoofFace, ...], expected: str) -> None:
    assert roof_type(faces) == expected
    assert expected == "" or expected in ROOF_TYPES


def test_a_hip_has_its_volume() -> None:
    # A prism of 12 x 8 x 6, a ridge of 4 m between two half pyramids: 4 x 8 x 2 / 2 + 8 x 8 x 2 / 3.
    assert sound(*HIP).volume_m3 == pytest.approx(576 + 32 + 128 / 3)
