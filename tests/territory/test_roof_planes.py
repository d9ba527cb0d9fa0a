"""Planes and own points of roofs: found where points lie in them, whatever the order or the tiling."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.outlines import OutlineEdges
from jnt_pipeline.territory.roofs.own_points import OwnPoints, own_points
from jnt_pipeline.territory.roofs.parameters import RoofParameters
from jnt_pipeline.territory.roofs.planes import find_planes

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
DEFAULTS = RoofParameters()


def lattice(width: float, depth: float, step: float = 0.3) -> NDArray[np.float64]:
    """Points (n, 2) in the middle of cells, column by column: the canonical order."""
    x, y = np.meshgrid(np.arange(step / 2, width, step), np.arange(step / 2, depth, step), indexing="ij")
    return np.column_stack([x.ravel(), y.ravel()])


def gathered(xyz: NDArray[np.float64], *outlines: Polygon, codes: int | NDArray[np.uint8] = 6) -> OwnPoints:
    classes = np.broadcast_to(np.asarray(codes, dtype=np.uint8), len(xyz)).copy()
    block = PointBlock(xyz=xyz, classification=classes, reference=REFERENCE)
    return own_points(OutlineEdges.of(np.array(outlines, dtype=object)), block, (6, 67))


def test_the_two_planes_of_a_gable_are_those_that_were_put_in() -> None:
    xy = lattice(12, 8)
    z = 9 - 0.5 * np.abs(xy[:, 1] - 4)
    planes, label, _ = find_planes(np.column_stack([xy, z]), 11.1, DEFAULTS)
    # Rising to the ridge at y = 4: 7 + 0.5 y, and 11 - 0.5 y.
    assert sorted(np.round(planes, 6).tolist()) == [[0, -0.5, 11], [0, 0.5, 7]]
    south = label[xy[:, 1] < 3.7]
    assert len(set(south.tolist())) == 1
    assert set(label.tolist()) == {0, 1}


def test_a_step_of_half_a_metre_parts_two_level_planes() -> None:
    xy = lattice(12, 8)
    z = np.where(xy[:, 0] < 5, 6.0, 6.5)
    planes, label, _ = find_planes(np.column_stack([xy, z]), 11.1, DEFAULTS)
    assert sorted(np.round(planes, 6).tolist()) == [[0, 0, 6], [0, 0, 6.5]]
    assert z[label == 0] == pytest.approx(planes[0, 2], abs=1e-6)
    assert (label == np.where(xy[:, 0] < 5, label[0], label[-1])).all()


def test_a_step_of_five_centimetres_is_one_plane() -> None:
    xy = lattice(12, 8)
    z = np.where(xy[:, 0] < 6, 6.0, 6.05)
    planes, _, _ = find_planes(np.column_stack([xy, z]), 11.1, DEFAULTS)
    assert len(planes) == 1


def test_points_astray_and_walls_belong_to_no_plane() -> None:
    xy = lattice(12, 8)
    rng = np.random.default_rng(3)
    roof = np.column_stack([xy, np.full(len(xy), 7.0)])
    wall = np.column_stack([np.full(200, 12.0), rng.uniform(0, 8, 200), rng.uniform(0, 6.5, 200)])
    stray = np.column_stack([rng.uniform(0, 12, (20, 2)), rng.uniform(8, 11, 20)])
    planes, label, _ = find_planes(np.vstack([roof, wall, stray]), 11.1, DEFAULTS)
    assert len(planes) == 1
    assert planes[0] == pytest.approx([0, 0, 7], abs=1e-6)
    assert (label[: len(roof)] == 0).all()
    assert (label[len(roof) :] == -1).mean() > 0.95


@pytest.mark.parametrize(
    "xyz",
    [
        np.empty((0, 3)),
        np.array([[1.0, 2.0, 3.0]]),
        np.tile([1.0, 2.0, 3.0], (50, 1)),
        np.column_stack([np.linspace(0, 9, 60), np.zeros(60), np.full(60, 3.0)]),
    ],
    ids=["no point", "one point", "one place", "one line"],
)
def test_points_that_span_no_surface_have_no_plane(xyz: NDArray[np.float64]) -> None:
    planes, label, _ = find_planes(xyz, 10.0, DEFAULTS)
    assert planes.shape == (0, 3)
    assert (label == -1).all()
    assert len(label) == len(xyz)


def test_a_plane_needs_the_points_of_its_least_area() -> None:
    # 1.3 m² at 11.1 points per m² are 14 points; a patch of 0.9 m is 3 x 3 of them.
    xy = lattice(0.9, 0.9)
    planes, _, _ = find_planes(np.column_stack([xy, np.full(len(xy), 5.0)]), 11.1, DEFAULTS)
    assert len(planes) == 0


def test_the_long_bays_of_a_sawtooth_roof_are_planes() -> None:
    xy = lattice(24, 120, 0.4)
    planes, label, _ = find_planes(np.column_stack([xy, 8 + 0.4 * (xy[:, 0] % 8)]), 6.25, DEFAULTS)
    # Each rises by 0.4 per metre, from 8 m at 0, 8 and 16 m.
    assert sorted(np.round(planes, 6).tolist()) == [[0.4, 0, 1.6], [0.4, 0, 4.8], [0.4, 0, 8]]
    assert (label >= 0).all()


def test_own_points_are_those_inside_in_an_order_of_their_own() -> None:
    rng = np.random.default_rng(5)
    xyz = np.round(np.column_stack([rng.uniform(651_000, 651_030, (3000, 2)), rng.uniform(80, 90, 3000)]), 2)
    xyz[:, 1] += 6_200_000
    houses = [
        shapely.transform(box(2, 3, 11, 9), lambda xy: xy + np.array([651_000, 6_851_000])),
        shapely.transform(box(11, 3, 25, 20), lambda xy: xy + np.array([651_000, 6_851_000])),
    ]
    found = gathered(xyz, *houses)
    for number, house in enumerate(houses):
        inside = xyz[shapely.contains_xy(house, xyz[:, 0], xyz[:, 1])]
        expected = inside[np.lexsort(inside.T[::-1])]
        origin = found.origins[number]
        assert np.allclose(found.of(number) + np.append(origin[:2], 0), expected, atol=1e-6)
    shuffled = gathered(xyz[rng.permutation(3000)], *houses)
    assert (shuffled.keys == found.keys).all()
    alone = gathered(xyz, houses[1])
    assert (alone.keys == found.keys[found.starts[1] :]).all()


def test_points_of_other_classes_are_not_own() -> None:
    xyz = np.column_stack([lattice(4, 4), np.full(len(lattice(4, 4)), 3.0)])
    codes = np.where(xyz[:, 0] < 2, 6, 5).astype(np.uint8)
    assert len(gathered(xyz, box(0, 0, 4, 4), codes=codes).of(0)) == int((codes == 6).sum())


def test_points_at_one_place_are_one() -> None:
    xyz = np.array([[1.0, 1.0, 5.0], [1.0, 1.0, 5.0], [1.0, 1.0, 5.001]])
    assert gathered(xyz, box(0, 0, 4, 4)).of(0).tolist() == [[1.0, 1.0, 5.0], [1.0, 1.0, 5.001]]


def test_an_outline_without_points_and_an_empty_one_have_none() -> None:
    xyz = np.array([[1.0, 1.0, 5.0]])
    found = gathered(xyz, box(10, 10, 14, 14), Polygon(), box(0, 0, 4, 4))
    assert np.diff(found.starts).tolist() == [0, 0, 1]
    assert np.isnan(found.origins[1]).all()
