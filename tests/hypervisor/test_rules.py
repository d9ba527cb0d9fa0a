"""Threshold rules: when an alert is raised, when it is cleared, and what a wrong rule is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from jnt_pipeline.hypervisor.rules import INACTIVE, Observation, ThresholdRule, evaluate

HIGH = ThresholdRule(rule_id="high", title="High", severity="alarm", datastream_id="d", above=2.0, clear=1.5)
LOW = ThresholdRule(rule_id="low", title="Low", severity="info", datastream_id="d", below=5.0, clear=6.0)


def transitions(rule: ThresholdRule, results: list[float]) -> list[tuple[int, str, int]]:
    """(index of the result, what happened, index of the raise) for a series at one-minute steps."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    state, seen = INACTIVE, []
    for index, result in enumerate(results):
        observation = Observation(datastream_id="d", phenomenon_at=start + timedelta(minutes=index), result=result)
        state, transition = evaluate(rule, state, observation)
        if transition is not None:
            seen.append((index, transition.kind, round((transition.since - start) / timedelta(minutes=1))))
    return seen


@pytest.mark.parametrize(
    ("rule", "results", "expected"),
    [
        pytest.param(HIGH, [1.9, 2.1, 1.9, 2.1, 1.6, 2.2], [(1, "raised", 1)], id="jitter raises once"),
        pytest.param(HIGH, [2.0], [], id="the threshold itself is not above it"),
        pytest.param(HIGH, [2.1, 1.51, 1.5, 1.4], [(0, "raised", 0), (2, "cleared", 0)], id="clears at clear"),
        pytest.param(HIGH, [3, 1, 3], [(0, "raised", 0), (1, "cleared", 0), (2, "raised", 2)], id="raises again"),
        pytest.param(HIGH, [1.6, 1.7], [], id="between clear and threshold nothing begins"),
        pytest.param(LOW, [5.0, 4.9, 5.9, 6.0], [(1, "raised", 1), (3, "cleared", 1)], id="below is the mirror"),
        pytest.param(HIGH, [], [], id="no observation"),
    ],
)
def test_a_series_raises_and_clears_where_worked_out_by_hand(
    rule: ThresholdRule, results: list[float], expected: list[tuple[int, str, int]]
) -> None:
    assert transitions(rule, results) == expected


def test_without_hysteresis_a_value_is_always_on_one_side() -> None:
    rule = HIGH.model_copy(update={"clear": 2.0})

    assert transitions(rule, [2.1, 2.0, 2.1, 2.0]) == [
        (0, "raised", 0),
        (1, "cleared", 0),
        (2, "raised", 2),
        (3, "cleared", 2),
    ]


@given(st.lists(st.floats(min_value=-10, max_value=10)))
def test_raised_and_cleared_alternate_and_low_is_the_mirror_of_high(results: list[float]) -> None:
    mirror = ThresholdRule(rule_id="m", title="M", severity="alarm", datastream_id="d", below=-2.0, clear=-1.5)
    seen = transitions(HIGH, results)

    assert [kind for _, kind, _ in seen] == [("raised", "cleared")[n % 2] for n in range(len(seen))]
    assert transitions(mirror, [-result for result in results]) == seen


class _Twin(BaseModel):
    rules: list[ThresholdRule]


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"clear": 2.5}, "clear", "expected at most above (2), found 2.5"),
        ({"above": None, "below": 3.0, "clear": 2.0}, "clear", "expected at least below (3), found 2"),
        ({"below": 1.0}, "below", "exactly one of above and below, found both"),
        ({"above": None}, "below", "exactly one of above and below, found neither"),
        ({"observed_property": "pm10"}, "observed_property", "found both"),
        ({"datastream_id": None}, "observed_property", "found neither"),
        ({"above": float("nan")}, "above", "finite number"),
        ({"clear": float("-inf")}, "clear", "finite number"),
        ({"severity": "panic"}, "severity", "'info', 'warning' or 'alarm'"),
        ({"rule_id": "Crue n° 1"}, "rule_id", "match pattern"),
        ({"hysteresis": 1}, "hysteresis", "Extra inputs"),
    ],
)
def test_a_wrong_rule_is_refused_at_the_field_that_is_wrong(
    change: dict[str, object], place: str, message: str
) -> None:
    rule = {**HIGH.model_dump(exclude_none=True), **change}

    with pytest.raises(ValidationError) as refused:
        _Twin.model_validate({"rules": [rule]})

    assert [error["loc"] for error in refused.value.errors()] == [("rules", 0, place)]
    assert message in refused.value.errors()[0]["msg"]


def test_every_field_of_a_rule_says_what_it_is() -> None:
    assert [name for name, field in ThresholdRule.model_fields.items() if not field.description] == []


def test_a_rule_on_a_quantity_watches_all_its_datastreams_and_a_rule_on_a_datastream_only_that_one() -> None:
    quantity = ThresholdRule(rule_id="q", title="Q", severity="info", observed_property="pm10", above=1.0, clear=1.0)

    assert quantity.watches("anything", "pm10")
    assert not quantity.watches("pm10", "no2")
    assert HIGH.watches("d", "pm10")
    assert not HIGH.watches("e", "pm10")
