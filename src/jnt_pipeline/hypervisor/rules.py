"""Threshold rules (*règles de seuil*) with hysteresis, as a pure state machine: value in, raised or cleared out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

__all__ = ["INACTIVE", "AlertState", "Observation", "Severity", "ThresholdRule", "Transition", "evaluate"]

Severity = Literal["info", "warning", "alarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One measure (*observation*) of a datastream."""

    datastream_id: str
    phenomenon_at: datetime
    """When it was true, UTC."""
    result: float
    """Measured value in the unit of the datastream, finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Where one rule stands on one datastream."""

    is_active: bool
    since: datetime | None
    """Phenomenon time of the observation that raised the alert, UTC; None while inactive."""


INACTIVE = AlertState(is_active=False, since=None)
"""State of a rule on a datastream that it has never seen beyond its threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of state, the only thing that becomes an event."""

    kind: Literal["raised", "cleared"]
    since: datetime
    """When the alert was raised, UTC (for ``cleared`` too: how long it lasted)."""
    observation: Observation
    """The observation that moved the state."""


class ThresholdRule(BaseModel):
    """An alert on every datastream that it names, or on all those that measure a quantity.

    ``above``: raised when the result is greater than ``above``, cleared when it is back to ``clear`` or less.
    ``below``: raised when the result is less than ``below``, cleared when it is back to ``clear`` or more.
    Between the threshold and ``clear`` nothing moves (*hystérésis*), so that a jitter raises one alert, not ten.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule_id: str = Field(
        description="Stable id of the rule, part of every alert; lower-case letters, digits, - and _.",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
    )
    title: str = Field(description="What people read when the alert is raised.", min_length=1, max_length=200)
    severity: Severity = Field(description="info (for knowledge), warning (vigilance) or alarm (act now).")
    datastream_id: str | None = Field(
        default=None, min_length=1, description="The one datastream it watches; else give observed_property."
    )
    observed_property: str | None = Field(
        default=None,
        min_length=1,
        validate_default=True,
        description="Watches every datastream of this quantity, e.g. water_level; else give datastream_id.",
    )
    above: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Raised when the result exceeds it; in the unit of the datastream. Else give below.",
    )
    below: float | None = Field(
        default=None,
        allow_inf_nan=False,
        validate_default=True,
        description="Raised when the result falls under it; in the unit of the datastream. Else give above.",
    )
    clear: float = Field(
        allow_inf_nan=False,
        description="Cleared when the result is back to it; in the unit of the datastream. At most above, or at "
        "least below: the distance is the hysteresis.",
    )

    # Validators of fields, not of the model: pydantic then names the field (rules.0.clear), not only the rule.

    @field_validator("observed_property")
    @classmethod
    def _one_target(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "datastream_id" in info.data and (value is None) == (info.data["datastream_id"] is None):
            found = "neither" if value is None else "both"
            raise ValueError(f"expected exactly one of datastream_id and observed_property, found {found}")
        return value

    @field_validator("below")
    @classmethod
    def _one_threshold(cls, value: float | None, info: ValidationInfo) -> float | None:
        if "above" in info.data and (value is None) == (info.data["above"] is None):
            found = "neither" if value is None else "both"
            raise ValueError(f"expected exactly one of above and below, found {found}")
        return value

    @field_validator("clear")
    @classmethod
    def _hysteresis_on_the_calm_side(cls, value: float, info: ValidationInfo) -> float:
        above, below = info.data.get("above"), info.data.get("below")
        if above is not None and value > above:
            raise ValueError(f"expected at most above ({above:g}), found {value:g}: the alert would clear at once")
        if below is not None and value < below:
            raise ValueError(f"expected at least below ({below:g}), found {value:g}: the alert would clear at once")
        return value

    def watches(self, datastream_id: str, observed_property: str) -> bool:
        """Whether the rule applies to a datastream."""
        if self.datastream_id is not None:
            return self.datastream_id == datastream_id
        return self.observed_property == observed_property

    def is_beyond(self, result: float) -> bool:
        """Whether a result raises the alert."""
        if self.above is not None:
            return result > self.above
        return self.below is not None and result < self.below

    def is_back(self, result: float) -> bool:
        """Whether a result clears the alert."""
        return result <= self.clear if self.above is not None else result >= self.clear


def evaluate(rule: ThresholdRule, state: AlertState, observation: Observation) -> tuple[AlertState, Transition | None]:
    """The state after an observation, and the change if there is one.

    Pure: no clock, no store. The caller gives the observations of a datastream in the order of their time.

    >>> from datetime import UTC, datetime
    >>> rule = ThresholdRule(rule_id="r", title="Crue", severity="alarm", datastream_id="d", above=2.0, clear=1.5)
    >>> seen = Observation(datastream_id="d", phenomenon_at=datetime(2026, 1, 1, tzinfo=UTC), result=2.1)
    >>> evaluate(rule, INACTIVE, seen)[1].kind
    'raised'
    """
    at = observation.phenomenon_at
    if not state.is_active and rule.is_beyond(observation.result):
        return AlertState(is_active=True, since=at), Transition(kind="raised", since=at, observation=observation)
    if state.is_active and rule.is_back(observation.result):
        return INACTIVE, Transition(kind="cleared", since=state.since or at, observation=observation)
    return state, None
