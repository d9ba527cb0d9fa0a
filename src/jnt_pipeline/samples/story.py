"""Story: some days in the life of a place, as series of measures and the alerts that must follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.chance import stream

__all__ = ["Flow", "Hours", "Rule", "Series", "Story", "Turn", "expected_turns", "tell"]

Hours = NDArray[np.float64]
"""Hours since the start, or one value for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold rule of the sample; ``above`` and ``below`` exclude each other."""

    rule_id: str
    observed_property: str
    severity: str
    title: str
    clear: float
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One datastream (*flux de mesure*) and the shape of its measures."""

    station_id: str
    observed_property: str
    unit: str
    """UCUM."""
    name: str
    every_min: int
    decimals: int
    shape: Callable[[Hours, np.random.Generator], Hours]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens, what is measured of it, and when somebody must be told."""

    starts_at: datetime
    """UTC."""
    n_days: int
    flows: tuple[Flow, ...]
    """In the order of the stations."""
    rules: tuple[Rule, ...]
    """Written into the configuration of the sample; no measure ever equals a threshold, so no comparison is moot."""
    gauge_zero_m: float
    """Elevation of the zero of the gauge: water elevation = this + water_level, metres in the heights of the site."""
    local_time: str
    """Observed property whose logger writes legal time with its offset; the others write UTC with Z."""
    faulty_rows: tuple[str, str]
    """Time and result of a row with an impossible hour, and time of a row without a number."""

    def instant(self, minutes: int) -> str:
        """Minutes since the start as UTC with Z."""
        return (self.starts_at + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One datastream and its measures in order of time."""

    datastream_id: str
    station_id: str
    observed_property: str
    unit: str
    name: str
    minutes: tuple[int, ...]
    """Minutes since the start."""
    values: tuple[float, ...]
    decimals: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as the logger writes them."""
        return tuple(f"{value:.{self.decimals}f}" for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An alert that must be raised or cleared."""

    rule_id: str
    datastream_id: str
    kind: str
    """raised or cleared."""
    minutes: int
    value: float


def tell(story: Story, seed: int) -> tuple[Series, ...]:
    """All series of the sample, in the order of the stations."""
    series = []
    for flow in story.flows:
        observed, decimals = flow.observed_property, flow.decimals
        minutes = np.arange(0, story.n_days * 24 * 60, flow.every_min)
        values = np.round(flow.shape(minutes / 60.0, stream(seed, "story", observed)), decimals)
        limits = [
            value
            for rule in story.rules
            if rule.observed_property == observed
            for value in (rule.above, rule.below, rule.clear)
        ]
        for limit in limits:
            if limit is not None:
                values = np.where(np.isclose(values, limit, rtol=0, atol=1e-9), limit + 10.0**-decimals, values)
        values = np.round(values, decimals) + 0.0
        series.append(
            Series(
                datastream_id=f"{flow.station_id}-{observed}",
                station_id=flow.station_id,
                observed_property=observed,
                unit=flow.unit,
                name=flow.name,
                minutes=tuple(minutes.tolist()),
                values=tuple(values.tolist()),
                decimals=decimals,
            )
        )
    return tuple(series)


def expected_turns(rules: tuple[Rule, ...], series: tuple[Series, ...]) -> Iterator[Turn]:
    """What a rule engine with hysteresis must say when it reads the measures in order of time."""
    for rule in rules:
        for one in series:
            if one.observed_property != rule.observed_property:
                continue
            active = False
            for minutes, value in zip(one.minutes, one.values, strict=True):
                over = value > rule.above if rule.above is not None else value < (rule.below or 0.0)
                back = value < rule.clear if rule.above is not None else value > rule.clear
                if back if active else over:
                    active = not active
                    yield Turn(
                        rule_id=rule.rule_id,
                        datastream_id=one.datastream_id,
                        kind="raised" if active else "cleared",
                        minutes=minutes,
                        value=value,
                    )
