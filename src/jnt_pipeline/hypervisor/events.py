"""The events of the feed: CloudEvents 1.0 in JSON, self-sufficient, the same bytes for the same cause."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.hypervisor.changes import ChangeFacts
from jnt_pipeline.hypervisor.context import MeasuredFlow, Station
from jnt_pipeline.hypervisor.instants import rfc3339
from jnt_pipeline.hypervisor.rules import Observation, Severity, ThresholdRule, Transition

__all__ = [
    "ALERT_CLEARED",
    "ALERT_RAISED",
    "EVENT_TYPES",
    "LAYER_CHANGED",
    "OBSERVATION_CORRECTED",
    "AlertFacts",
    "Cause",
    "CorrectionFacts",
    "Threshold",
    "alert_facts",
    "change_event",
    "change_event_id",
    "cloud_event",
    "correction_facts",
    "encode_json",
    "source_of",
]

ALERT_RAISED = "fr.jnt.alert.raised.v1"
ALERT_CLEARED = "fr.jnt.alert.cleared.v1"
LAYER_CHANGED = "fr.jnt.layer.changed.v1"
OBSERVATION_CORRECTED = "fr.jnt.observation.corrected.v1"
EVENT_TYPES = (ALERT_CLEARED, ALERT_RAISED, LAYER_CHANGED, OBSERVATION_CORRECTED)

Cause = Literal["observation", "rule_changed", "no_longer_watched"]
"""Why an alert moved: a measure; a rule added or changed, judged on the latest value; nothing watches it now."""

SEQUENCE_DIGITS = 20  # lexicographic order = numeric order (CloudEvents extension `sequence`)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Threshold(_Document):
    """The limits of the rule, in ``unit``."""

    above: float | None = Field(description="Raised when the value exceeds it; null for a rule on low values.")
    below: float | None = Field(description="Raised when the value falls under it; null for a rule on high values.")
    clear: float = Field(description="Cleared when the value is back to it.")


class AlertFacts(_Document):
    """``data`` of an alert event: what, where in 3D and in which datum, what is linked, since when."""

    state: Literal["raised", "cleared"] = Field(description="What happened.")
    cause: Cause = Field(description="Why it happened.")
    rule_id: str = Field(description="The rule.")
    title: str = Field(description="What people read.")
    severity: Severity = Field(description="info, warning or alarm.")
    since: str = Field(description="When the alert was raised, RFC 3339 UTC.")
    value: float = Field(description="Measured value that moved the alert, in unit.")
    unit: str = Field(description="Unit of value and threshold (UCUM where known).")
    threshold: Threshold = Field(description="The limits.")
    datastream_id: str = Field(description="Datastream that was judged.")
    observed_property: str = Field(description="Quantity, e.g. water_level.")
    station: Station = Field(description="Place, with its linked buildings and parcels.")


class CorrectionFacts(_Document):
    """``data`` of a correction: a measure that was already recorded came again with another value."""

    datastream_id: str = Field(description="Datastream.")
    observed_property: str = Field(description="Quantity.")
    unit: str = Field(description="Unit of the values (UCUM where known).")
    value: float = Field(description="The value now in force.")
    previous_value: float = Field(description="The value before.")
    revision: int = Field(ge=1, description="1 for the first correction of this measure.")
    station: Station = Field(description="Place, with its linked buildings and parcels.")


def alert_facts(
    rule: ThresholdRule, transition: Transition, flow: MeasuredFlow, cause: Cause = "observation"
) -> AlertFacts:
    """The facts of a change of state."""
    return AlertFacts(
        state=transition.kind,
        cause=cause,
        rule_id=rule.rule_id,
        title=rule.title,
        severity=rule.severity,
        since=rfc3339(transition.since),
        value=transition.observation.result,
        unit=flow.unit,
        threshold=Threshold(above=rule.above, below=rule.below, clear=rule.clear),
        datastream_id=flow.datastream_id,
        observed_property=flow.observed_property,
        station=flow.station,
    )


def correction_facts(
    observation: Observation, previous_value: float, revision: int, flow: MeasuredFlow
) -> CorrectionFacts:
    """The facts of a correction."""
    return CorrectionFacts(
        datastream_id=flow.datastream_id,
        observed_property=flow.observed_property,
        unit=flow.unit,
        value=observation.result,
        previous_value=previous_value,
        revision=revision,
        station=flow.station,
    )


def source_of(territory: str) -> str:
    """CloudEvents ``source`` of a territory: an absolute URI that does not depend on where it is served."""
    return f"urn:jnt:territory:{quote(territory, safe='')}"


def encode_json(document: Any) -> str:
    """Compact JSON in a fixed key order, on one line; raises ``ValueError`` for NaN and infinities."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def cloud_event(
    facts: AlertFacts | CorrectionFacts, *, territory: str, observation: Observation, sequence: int
) -> dict[str, Any]:
    """The CloudEvent of some facts, as a JSON value.

    ``time`` is the phenomenon time, never the clock of the machine; ``id`` is a digest of territory, sequence
    and content, so that the same observations delivered anywhere, any number of times, give the same events.
    Source: CloudEvents 1.0 §3 and JSON format §3; extension ``sequence``.
    """
    if isinstance(facts, CorrectionFacts):
        kind = OBSERVATION_CORRECTED
    else:
        kind = ALERT_RAISED if facts.state == "raised" else ALERT_CLEARED
    event = {
        "specversion": "1.0",
        "id": "",
        "source": source_of(territory),
        "type": kind,
        "subject": f"station/{facts.station.id}",
        "time": rfc3339(observation.phenomenon_at),
        "datacontenttype": "application/json",
        "sequence": f"{sequence:0{SEQUENCE_DIGITS}d}",
        "data": facts.model_dump(mode="json"),
    }
    event["id"] = hashlib.sha256(encode_json(event).encode()).hexdigest()[:32]
    return event


def change_event(facts: ChangeFacts, *, territory: str, sequence: int) -> dict[str, Any]:
    """The CloudEvent of a change between two editions of a layer, as a JSON value.

    ``time`` is the day of the new edition at 00:00 UTC, never the clock; it is left out where the vintage names no
    day (CloudEvents 1.0 §3.1: optional). ``id`` is a digest of territory and change alone.
    """
    day = {} if facts.day is None else {"time": f"{facts.day.isoformat()}T00:00:00Z"}
    return {
        "specversion": "1.0",
        "id": change_event_id(facts, territory),
        "source": source_of(territory),
        "type": LAYER_CHANGED,
        "subject": facts.subject,
        **day,
        "datacontenttype": "application/json",
        "sequence": f"{sequence:0{SEQUENCE_DIGITS}d}",
        "data": facts.model_dump(mode="json"),
    }


def change_event_id(facts: ChangeFacts, territory: str) -> str:
    """The ``id`` of the event of a change: the same wherever and however often it is delivered."""
    return hashlib.sha256(encode_json([source_of(territory), LAYER_CHANGED, facts.change_id]).encode()).hexdigest()[:32]
