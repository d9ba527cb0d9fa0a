"""Pieces of the identity graph: offsets by votes, overlaps with rivals, statements, scores."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import Point, box

from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.identity_fit import _fitted
from jnt_pipeline.samples.identity_ids import changed_ids
from jnt_pipeline.samples.registers import register_town
from jnt_pipeline.territory.identity.candidates import lead, rival
from jnt_pipeline.territory.identity.offsets import local_offsets, moved
from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs, compared
from jnt_pipeline.territory.identity.parameters import IdentityParameters, reach_m
from jnt_pipeline.territory.identity.registers import Statements, statements
from jnt_pipeline.territory.identity.scores import Model


def shapes(*parts: object) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.array([*parts, None], dtype=object)[:-1]


SIZES = ((8, 9), (10, 7), (12, 11), (6, 14), (9, 9), (15, 8))
HOUSES = shapes(*(box(20 * i + 7, 30, 20 * i + 7 + w, 30 + h) for i, (w, h) in enumerate(SIZES)))


def test_the_offset_is_what_buildings_of_one_form_agree_on() -> None:
    other = moved(HOUSES, np.tile([1.7, -0.9], (6, 1)))
    found = local_offsets(HOUSES, other, 5.0)
    # Six houses over two squares of 100 m: each square counts its neighbours' votes as well.
    np.testing.assert_array_equal(found.xy, np.tile([1.7, -0.9], (6, 1)))
    assert found.votes.tolist() == [6] * 6


def test_one_house_moved_on_its_own_does_not_move_the_offset() -> None:
    aside = np.array([[1.0, 0.5]] * 5 + [[-2.0, 3.0]])
    found = local_offsets(HOUSES, moved(HOUSES, aside), 5.0)
    np.testing.assert_allclose(found.xy, np.tile([1.0, 0.5], (6, 1)), atol=1e-9)
    assert found.votes.tolist() == [5] * 6


def test_a_row_of_equal_houses_does_not_vote_for_the_neighbour() -> None:
    # Ten houses of 6 m, moved by 2 m: ten votes for (2, 0), nine for (-4, 0), all within 5 m.
    row = shapes(*(box(6 * i, 0, 6 * i + 6, 10) for i in range(10)))
    found = local_offsets(row, moved(row, np.tile([2.0, 0.0], (10, 1))), 5.0)
    assert found.votes.tolist() == [10] * 10
    np.testing.assert_array_equal(found.xy, np.tile([2.0, 0.0], (10, 1)))


@pytest.mark.parametrize(
    ("houses", "limit"), [(HOUSES[:4], 5.0), (HOUSES, 0.0), (HOUSES, 0.5), (HOUSES[:0], 5.0)],
    ids=["four houses", "none asked for", "beyond the limit", "no house"],
)  # fmt: skip
def test_without_five_votes_nothing_is_moved(
    houses: np.ndarray[tuple[int], np.dtype[np.object_]], limit: float
) -> None:
    found = local_offsets(houses, moved(houses, np.tile([1.7, -0.9], (len(houses), 1))), limit)
    assert not found.xy.any()
    assert not found.votes.any()


def test_the_order_of_the_houses_changes_no_offset() -> None:
    other = moved(HOUSES, np.tile([1.7, -0.9], (6, 1)))
    order = np.array([3, 0, 5, 1, 4, 2])
    straight, mixed = local_offsets(HOUSES, other, 5.0), local_offsets(HOUSES[order[::-1]], other[order], 5.0)
    np.testing.assert_array_equal(straight.xy[order], mixed.xy)
    np.testing.assert_array_equal(straight.votes[order], mixed.votes)


def test_a_split_building_is_taken_in_part_by_the_other_half() -> None:
    left = shapes(box(0, 0, 10, 10))
    right = shapes(box(0, 0, 4, 10), box(4, 0, 10, 10))
    pairs = compared(left, right, *candidate_pairs(left, right, 4.0))
    assert pairs.common_m2.tolist() == [40, 60]
    assert pairs.share_left.tolist() == [0.4, 0.6]
    assert pairs.share_right.tolist() == [1, 1]
    assert pairs.iou.tolist() == [0.4, 0.6]
    assert pairs.taken_left.tolist() == [0.6, 0.4]
    assert pairs.taken_right.tolist() == [0, 0]
    assert pairs.centroid_m.tolist() == [3, 2]


def test_a_moved_building_keeps_its_form() -> None:
    left, right = shapes(box(0, 0, 4, 3)), shapes(box(6, 0, 10, 3))
    pairs = compared(left, right, *candidate_pairs(left, right, 4.0))
    assert (pairs.iou.tolist(), pairs.form.tolist(), pairs.gap_m.tolist()) == ([0], [1], [2])


def test_points_have_distances_and_no_areas() -> None:
    left, right = shapes(box(0, 0, 4, 3)), shapes(Point(1, 1), Point(7, 7))
    pairs = compared(left, right, *candidate_pairs(left, right, 5.0))
    assert (pairs.gap_m.tolist(), pairs.common_m2.tolist(), pairs.iou.tolist()) == ([0, 5], [0, 0], [0, 0])


def test_lead_is_measured_to_the_nearest_other_and_capped() -> None:
    gaps, of = np.array([1.0, 4.0, 2.5, 3.0]), np.array([0, 0, 0, 1])
    assert lead(gaps, of, 2).tolist() == [1.5, -3.0, -1.5, 10.0]


def test_rival_is_the_best_of_the_others() -> None:
    scores, of = np.array([0.9, 0.2, 0.9, 0.4]), np.array([0, 0, 0, 1])
    assert rival(scores, of, 2).tolist() == [0.9, 0.9, 0.9, 0.0]
    assert rival(np.empty(0), np.empty(0, np.intp), 0).tolist() == []


def test_statements_name_what_the_other_register_holds_and_say_where_else_it_points() -> None:
    left = Statements.of(shapes("R1|R2", "", " R9 "), shapes("R1", "R2", "R3"))
    right = Statements.of(shapes("L0", "", "L1"), shapes("L0", "L1", "L2"))
    assert list(zip(left.owner.tolist(), left.target.tolist(), strict=True)) == [(0, 0), (0, 1)]
    i, j = np.array([0, 0, 1, 2, 0]), np.array([0, 1, 2, 0, 2])
    said = statements(left, right, i, j)
    assert said.by_left.tolist() == [True, True, False, False, False]
    assert said.by_right.tolist() == [True, False, True, False, False]
    # L2 states R9, which nobody holds: still not R1. R3 states L1: not L0.
    assert said.elsewhere_left.tolist() == [False, False, False, True, True]
    assert said.elsewhere_right.tolist() == [False, False, False, True, True]


def test_a_score_is_the_logistic_function_of_the_weighted_sum() -> None:
    model = Model({"one": -1.0, "iou": 2.0, "gap": -0.5})
    score = model.score({"iou": np.array([0.5, 1.0]), "gap": np.array([0.0, 4.0])}, 2)
    np.testing.assert_allclose(score, [0.5, 1 / (1 + np.exp(1.0))])


def test_the_reach_grows_with_what_may_be_far() -> None:
    assert reach_m(IdentityParameters()) == 50 + 30 + 3 * 9 + 1.5 * 200 + 200 + 60 + 5
    assert reach_m(IdentityParameters(max_extent_m=1000)) == 50 + 30 + 3 * 9 + 2000


def test_shapes_are_moved_by_their_own_vector() -> None:
    both = moved(shapes(box(0, 0, 1, 1), Point(5, 5)), np.array([[1.0, 2.0], [-5.0, 0.0]]))
    assert shapely.equals(both, shapes(box(1, 2, 2, 3), Point(0, 5))).all()


def test_the_fit_finds_the_weights_that_made_the_truth() -> None:
    chance = stream(1, "fit")
    rows = chance.random((20_000, 2)) * (4, 2)
    truth = chance.random(20_000) < 1 / (1 + np.exp(3 - 2 * rows[:, 0] + rows[:, 1]))
    found = _fitted(("a", "b"), rows, truth).weights
    # The standard error of a weight is some 0.05 with 20,000 pairs.
    assert found["one"] == pytest.approx(-3, abs=0.2)
    assert found["a"] == pytest.approx(2, abs=0.15)
    assert found["b"] == pytest.approx(-1, abs=0.15)


def test_a_plan_that_is_written_in_another_format_or_through_another_reference_keeps_every_id() -> None:
    n, changed = changed_ids(register_town(7, n_blocks=2), 7)
    assert n > 60
    assert changed[:4] == [0, 0, 0, 0]
    assert changed[4] <= 2  # on no grid, 0.1 mm: some four in a thousand


def test_a_generated_town_is_the_same_for_the_same_seed_and_without_noise_each_building_is_in_both_registers() -> None:
    town, again = register_town(7, n_blocks=1, noise=0), register_town(7, n_blocks=1, noise=0)
    for name, frame in town.layers.items():
        assert frame.equals(again.layers[name])
    links = town.truth[town.truth["link_type"] == "building-topo"]
    n = len(town.layers["footprints"])
    assert len(links) == links["source_id"].nunique() == links["target_id"].nunique() == n
    assert len(town.layers["topo_buildings"]) == n
