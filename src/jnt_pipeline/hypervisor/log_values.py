"""What the feed gives: logged events and their pages, alerts, and the counts of a delivery."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jnt_pipeline.hypervisor.rules import Observation

__all__ = ["Alert", "Delivery", "EventPage", "LoggedEvent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a delivery did; of observations, ``received = stored + repeated + corrected + rejected``."""

    received: int = 0
    """Observations given."""
    stored: int = 0
    """Observations of an instant that was not recorded yet."""
    repeated: int = 0
    """Observations already recorded with this value: nothing changed."""
    corrected: int = 0
    """Another value for a recorded instant: kept as a revision, with an event."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Set aside, by reason: unknown_datastream, missing_phenomenon_at, result_not_finite."""
    late: int = 0
    """Of those stored: older than the newest of their datastream, so they moved no alert."""
    raised: int = 0
    """Alerts raised."""
    cleared: int = 0
    """Alerts cleared."""
    changes_told: int = 0
    """Changes of the twin's layers told by an event."""
    changes_known: int = 0
    """Changes that the log told already: nothing was written."""

    def __add__(self, other: Delivery) -> Delivery:
        """Sum of two deliveries, one after the other."""
        reasons = sorted({*self.rejected, *other.rejected})
        return Delivery(
            received=self.received + other.received,
            stored=self.stored + other.stored,
            repeated=self.repeated + other.repeated,
            corrected=self.corrected + other.corrected,
            rejected={r: self.rejected.get(r, 0) + other.rejected.get(r, 0) for r in reasons},
            late=self.late + other.late,
            raised=self.raised + other.raised,
            cleared=self.cleared + other.cleared,
            changes_told=self.changes_told + other.changes_told,
            changes_known=self.changes_known + other.changes_known,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One event of the log."""

    sequence: int
    cursor: str
    """Cursor right after this event."""
    event_id: str
    type: str
    body: str
    """The CloudEvent as JSON on one line, the same for every reader."""

    @property
    def document(self) -> dict[str, Any]:
        """The CloudEvent as a JSON value."""
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of the log, in the order of its sequence."""

    events: tuple[LoggedEvent, ...]
    next: str
    """Cursor to read on from; it also passes the events that the filter left out."""
    has_more: bool
    """Whether the filter lets further events through right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule on one datastream that has been raised at least once."""

    rule_id: str
    datastream_id: str
    is_active: bool
    since: datetime | None
    """When it was raised, UTC; None once it is cleared."""
    event: LoggedEvent
    """The event that last moved it."""
    latest: Observation
    """The newest observation of the datastream."""

    @property
    def alert_id(self) -> str:
        """``<rule_id>/<datastream_id>``: unique in the feed."""
        return f"{self.rule_id}/{self.datastream_id}"
