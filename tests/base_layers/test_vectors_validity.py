"""What the kernels prove valid, GEOS finds valid; what they measure, GEOS measures; keys met before are found."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely

from jnt_pipeline.base_layers.vectors.key_set import KeySet
from jnt_pipeline.base_layers.vectors.validity import areas_and_boxes, proved_valid
from jnt_pipeline.base_layers.vectors.wkb import gathered, kinds_of, put_back


def fuzzed(seed: int, n: int, corners: int, lattice: int) -> np.ndarray:
    """Closed rings of random corners: on a coarse lattice most touch themselves somewhere, stars are mostly sound."""
    rng = np.random.default_rng(seed)
    if lattice:
        points = rng.integers(0, lattice, (n, corners, 2)).astype(float)
    else:
        turn = np.sort(rng.uniform(0, 2 * np.pi, (n, corners)), axis=1)
        reach = rng.uniform(0.5, 1, (n, corners))
        points = np.stack([reach * np.cos(turn), reach * np.sin(turn)], axis=2) * 50
    points += (652_000.0, 6_862_000.0)
    return shapely.polygons(np.concatenate([points, points[:, :1]], axis=1))


@pytest.mark.parametrize(
    ("corners", "lattice", "share"), [(3, 4, 0.3), (4, 5, 0.2), (5, 9, 0.05), (7, 40, 0.0), (9, 0, 0.9), (30, 0, 0.5)]
)
def test_no_ring_is_proved_valid_that_geos_refuses(corners: int, lattice: int, share: float) -> None:
    shapes = fuzzed(corners, 20_000, corners, lattice)
    geometry = pa.array(shapely.to_wkb(shapes).tolist(), pa.binary())
    assert (kinds_of(geometry) == 3).all()
    polygons = gathered(geometry)
    proved = proved_valid(polygons, polygons.coordinates)
    assert not (proved & ~shapely.is_valid(shapes)).any()
    assert proved.mean() >= share  # a kernel that proves nothing would be right as well
    areas, boxes = areas_and_boxes(polygons, polygons.coordinates)
    assert areas.tolist() == shapely.area(shapes).tolist()
    assert boxes.tolist() == shapely.bounds(shapes).tolist()


@pytest.mark.parametrize(
    ("name", "corners", "is_proved"),
    [
        ("a square with a vertex in the middle of a side", [(0, 0), (2, 0), (4, 0), (4, 4), (0, 4)], True),
        ("an L", [(0, 0), (4, 0), (4, 1), (1, 1), (1, 9), (0, 9)], True),
        ("a comb: no point sees all of it", [(0, 0), (9, 0), (9, 9), (6, 9), (6, 1), (3, 1), (3, 9), (0, 9)], True),
        ("a pentagram: twice around its middle", [(0, 3), (2, -3), (-3, 1), (3, 1), (-2, -3)], False),
        ("a square gone around twice", [(0, 0), (4, 0), (4, 4), (0, 4)] * 2, False),
        ("a spike", [(0, 0), (4, 0), (4, 4), (4, 9), (4, 4), (0, 4)], False),
        ("a bow", [(0, 0), (4, 4), (4, 0), (0, 4)], False),
        ("a vertex twice", [(0, 0), (4, 0), (4, 0), (4, 4), (0, 4)], False),
        ("nothing but a line", [(0, 0), (4, 4), (8, 8)], False),
    ],
)
def test_known_rings(name: str, corners: list[tuple[int, int]], is_proved: bool) -> None:
    for way in (1, -1):
        for start in range(len(corners)):
            ring = np.roll(np.array(corners, dtype=float)[::way], start, axis=0) * 0.25 + (900_000.5, 6_500_000.25)
            shape = shapely.polygons(np.concatenate([ring, ring[:1]]))
            polygons = gathered(pa.array([shapely.to_wkb(shape)], pa.binary()))
            assert proved_valid(polygons, polygons.coordinates).tolist() == [is_proved], name
            assert shapely.is_valid(shape) or not is_proved


def test_areas_of_holes_and_parts_are_those_of_geos() -> None:
    rings = fuzzed(1, 300, 6, 0)
    holes = shapely.polygons([shapely.linearrings(shapely.get_coordinates(ring)) for ring in rings])
    pierced = [shapely.Polygon(a.exterior, [b.exterior]) for a, b in zip(rings, holes[::-1], strict=True)]
    shapes = np.array([*pierced, *(shapely.MultiPolygon([a, b]) for a, b in zip(pierced, rings, strict=True))])
    geometry = pa.array(shapely.to_wkb(shapes).tolist(), pa.large_binary())
    polygons = gathered(geometry)
    assert areas_and_boxes(polygons, polygons.coordinates)[0].tolist() == shapely.area(shapes).tolist()
    assert not proved_valid(polygons, polygons.coordinates).any()
    again = put_back(geometry, polygons, polygons.coordinates + 1.0)
    moved = shapely.transform(shapes, lambda points: points + 1.0)
    assert again.to_pylist() == shapely.to_wkb(moved).tolist()


@pytest.mark.parametrize("cut", range(0, 93))
def test_no_cut_record_is_taken(cut: int) -> None:
    whole = bytes(shapely.to_wkb(shapely.box(0, 0, 1, 1)))
    longer = whole + b"\x00"
    assert kinds_of(pa.array([whole[:cut], whole, longer], pa.binary())).tolist() == [0, 3, 0]


def test_keys_met_before_are_found_over_batches_and_growth() -> None:
    keys = [f"{number:014d}" for number in range(100_000)]
    found = KeySet()
    assert not found.met_before(pa.array(keys)).any()
    again = found.met_before(pa.array(["new", keys[0], None, "", "é" * 40, None, "é" * 40, keys[-1], "é" * 39]))
    assert again.tolist() == [False, True, False, False, False, True, True, True, False]
