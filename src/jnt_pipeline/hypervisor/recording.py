"""One batch into the feed: values, latest, alerts and events, or changes, inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from jnt_pipeline.hypervisor.batches import Row
from jnt_pipeline.hypervisor.changes import ChangeFacts
from jnt_pipeline.hypervisor.context import FeedContext
from jnt_pipeline.hypervisor.events import (
    AlertFacts,
    CorrectionFacts,
    alert_facts,
    change_event,
    change_event_id,
    cloud_event,
    correction_facts,
    encode_json,
)
from jnt_pipeline.hypervisor.instants import from_microseconds, to_microseconds
from jnt_pipeline.hypervisor.rules import INACTIVE, AlertState, Observation, ThresholdRule, evaluate
from jnt_pipeline.hypervisor.tables import alerts, events, latest, observations

__all__ = ["Recorder"]

_KEYS_PER_QUERY = 500
_Key = TypeVar("_Key", str, int)


@dataclass(slots=True)
class _Standing:
    """One row of ``alerts`` while a batch works on it."""

    state: AlertState
    rule: str
    event_sequence: int | None


@dataclass(slots=True)
class Recorder:
    """Writes one batch on an open write transaction; nothing is seen by anyone before the caller commits."""

    connection: Connection
    rules: Sequence[ThresholdRule]
    context: FeedContext
    stored: int = 0
    repeated: int = 0
    corrected: int = 0
    late: int = 0
    raised: int = 0
    cleared: int = 0
    changes_told: int = 0
    changes_known: int = 0
    _standings: dict[tuple[str, str], _Standing] = field(default_factory=dict)
    _moved: set[tuple[str, str]] = field(default_factory=set)
    _event_rows: list[dict[str, Any]] = field(default_factory=list)
    _next_sequence: int = 0

    def __post_init__(self) -> None:
        self._next_sequence = 1 + (self.connection.scalar(select(func.max(events.c.sequence))) or 0)

    def record(self, rows: Sequence[Row]) -> None:
        """Record rows in their order.

        A value already recorded for its instant changes nothing. Another value for a recorded instant is kept as
        a revision, in force from now on, with an event; where it corrects the newest observation of the
        datastream it is judged by the rules, for the latest value *is* what alerts stand on.
        """
        watching = self._watching({row[0] for row in rows})
        newest = self._newest(watching)
        before = dict(newest)
        known = self._known(rows, newest)
        values: list[dict[str, Any]] = []
        for datastream_id, instant, result in rows:
            revisions = known.setdefault((datastream_id, instant), [])
            if result in revisions:
                self.repeated += 1
                continue
            values.append(
                {
                    "datastream_id": datastream_id,
                    "phenomenon_us": instant,
                    "revision": len(revisions),
                    "result": result,
                }
            )
            is_late = datastream_id in newest and instant < newest[datastream_id][0]
            if revisions:
                self.corrected += 1
                self._log_correction((datastream_id, instant, result), revisions)
            else:
                self.stored += 1
                self.late += is_late
            revisions.append(result)
            if is_late:
                continue
            newest[datastream_id] = (instant, result)
            rules = watching[datastream_id]
            if rules:
                observation = _observation(datastream_id, instant, result)
                for rule, text in rules:
                    self._judge(rule, text, observation, "observation")
        if values:
            self.connection.execute(observations.insert(), values)
        self._write_latest({key: value for key, value in newest.items() if before.get(key) != value})

    def adopt(self) -> None:
        """Bring the alerts in line with the rules: judge the latest values by every new or changed rule, and
        clear what is no longer watched."""
        newest = {
            datastream_id: (instant, result)
            for datastream_id, instant, result in self.connection.execute(
                select(latest.c.datastream_id, latest.c.phenomenon_us, latest.c.result).order_by(latest.c.datastream_id)
            )
        }
        watching = self._watching(set(newest) & set(self.context.flows))
        watched = {(rule.rule_id, datastream_id) for datastream_id, rules in watching.items() for rule, _ in rules}
        for key, standing in sorted(self._read_standings(None)):
            if key not in watched:
                self._withdraw(key, standing, newest.get(key[1]))
        for datastream_id, rules in sorted(watching.items()):
            for rule, text in rules:
                current = self._standings.get((rule.rule_id, datastream_id))
                if current is None or current.rule != text:
                    self._judge(rule, text, _observation(datastream_id, *newest[datastream_id]), "rule_changed")

    def tell_changes(self, changes: Sequence[ChangeFacts]) -> None:
        """Log the changes whose event the log does not hold, in their order."""
        ids = [change_event_id(facts, self.context.territory) for facts in changes]
        known = {
            event_id
            for part in _parts(ids)
            for event_id in self.connection.scalars(select(events.c.event_id).where(events.c.event_id.in_(part)))
        }
        for event_id, facts in zip(ids, changes, strict=True):
            if event_id in known:
                self.changes_known += 1
                continue
            known.add(event_id)
            self._append(change_event(facts, territory=self.context.territory, sequence=self._next_sequence))
            self.changes_told += 1

    def flush(self) -> None:
        """Write the events, then the alerts that point to them."""
        if self._event_rows:
            self.connection.execute(events.insert(), self._event_rows)
            self._event_rows = []
        rows = [
            {
                "rule_id": key[0],
                "datastream_id": key[1],
                "is_active": standing.state.is_active,
                "since_us": None if standing.state.since is None else to_microseconds(standing.state.since),
                "rule": standing.rule,
                "event_sequence": standing.event_sequence,
            }
            for key in sorted(self._moved)
            for standing in (self._standings[key],)
        ]
        if rows:
            new = insert(alerts)
            changed = {name: new.excluded[name] for name in ("is_active", "since_us", "rule", "event_sequence")}
            self.connection.execute(
                new.on_conflict_do_update(index_elements=["rule_id", "datastream_id"], set_=changed), rows
            )
        self._moved = set()

    def _watching(self, datastream_ids: set[str]) -> dict[str, list[tuple[ThresholdRule, str]]]:
        """The rules of each datastream, with their text; their standings are read."""
        texts = [(rule, encode_json(rule.model_dump(mode="json"))) for rule in self.rules]
        watching = {
            datastream_id: [
                (rule, text)
                for rule, text in texts
                if rule.watches(datastream_id, self.context.flows[datastream_id].observed_property)
            ]
            for datastream_id in sorted(datastream_ids)
        }
        self._standings.update(self._read_standings([key for key, rules in watching.items() if rules]))
        return watching

    def _read_standings(self, datastream_ids: Sequence[str] | None) -> Iterator[tuple[tuple[str, str], _Standing]]:
        query = select(
            alerts.c.rule_id,
            alerts.c.datastream_id,
            alerts.c.is_active,
            alerts.c.since_us,
            alerts.c.rule,
            alerts.c.event_sequence,
        )
        queries = (
            [query]
            if datastream_ids is None
            else [query.where(alerts.c.datastream_id.in_(part)) for part in _parts(datastream_ids)]
        )
        for one in queries:
            for rule_id, datastream_id, is_active, since_us, rule, sequence in self.connection.execute(one):
                since = None if since_us is None else from_microseconds(since_us)
                yield (
                    (rule_id, datastream_id),
                    _Standing(AlertState(is_active=is_active, since=since), rule, sequence),
                )

    def _newest(self, datastream_ids: Iterable[str]) -> dict[str, tuple[int, float]]:
        return {
            row.datastream_id: (row.phenomenon_us, row.result)
            for part in _parts(sorted(datastream_ids))
            for row in self.connection.execute(select(latest).where(latest.c.datastream_id.in_(part)))
        }

    def _known(self, rows: Sequence[Row], newest: dict[str, tuple[int, float]]) -> dict[tuple[str, int], list[float]]:
        """Values already recorded at the instants of the rows, in the order of their revisions."""
        instants: dict[str, set[int]] = {}
        for datastream_id, instant, _ in rows:
            if datastream_id in newest and instant <= newest[datastream_id][0]:  # a newer one cannot be known
                instants.setdefault(datastream_id, set()).add(instant)
        known: dict[tuple[str, int], list[float]] = {}
        for datastream_id, wanted in instants.items():
            for part in _parts(sorted(wanted)):
                query = (
                    select(observations.c.phenomenon_us, observations.c.result)
                    .where(observations.c.datastream_id == datastream_id, observations.c.phenomenon_us.in_(part))
                    .order_by(observations.c.phenomenon_us, observations.c.revision)
                )
                for instant, result in self.connection.execute(query):
                    known.setdefault((datastream_id, instant), []).append(result)
        return known

    def _write_latest(self, changed: dict[str, tuple[int, float]]) -> None:
        if not changed:
            return
        new = insert(latest)
        self.connection.execute(
            new.on_conflict_do_update(
                index_elements=["datastream_id"],
                set_={"phenomenon_us": new.excluded.phenomenon_us, "result": new.excluded.result},
            ),
            [
                {"datastream_id": key, "phenomenon_us": instant, "result": result}
                for key, (instant, result) in sorted(changed.items())
            ],
        )

    def _judge(self, rule: ThresholdRule, text: str, observation: Observation, cause: Any) -> None:
        key = (rule.rule_id, observation.datastream_id)
        standing = self._standings.get(key)
        before = INACTIVE if standing is None else standing.state
        state, transition = evaluate(rule, before, observation)
        sequence = None if standing is None else standing.event_sequence
        if transition is not None:
            flow = self.context.flows[observation.datastream_id]
            sequence = self._log(alert_facts(rule, transition, flow, cause), observation)
            self._count(transition.kind)
        if standing is None or transition is not None or standing.rule != text:
            self._standings[key] = _Standing(state, text, sequence)
            self._moved.add(key)

    def _withdraw(self, key: tuple[str, str], standing: _Standing, newest: tuple[int, float] | None) -> None:
        if not standing.state.is_active or newest is None:
            # Should the pair be watched again one day, it is judged anew on the value of that day.
            self._standings[key] = _Standing(standing.state, "", standing.event_sequence)
            self._moved.add(key)
            return
        # The rule or the datastream is gone: what the event says comes from the one that raised the alert.
        raised = self.connection.scalar(select(events.c.body).where(events.c.sequence == standing.event_sequence))
        observation = _observation(key[1], *newest)
        facts = AlertFacts.model_validate(json.loads(str(raised))["data"]).model_copy(
            update={"state": "cleared", "cause": "no_longer_watched", "value": observation.result}
        )
        self._standings[key] = _Standing(INACTIVE, "", self._log(facts, observation))
        self._moved.add(key)
        self._count("cleared")

    def _log_correction(self, row: Row, revisions: Sequence[float]) -> None:
        observation = _observation(*row)
        flow = self.context.flows[row[0]]
        self._log(correction_facts(observation, revisions[-1], len(revisions), flow), observation)

    def _log(self, facts: AlertFacts | CorrectionFacts, observation: Observation) -> int:
        sequence = self._next_sequence
        self._append(cloud_event(facts, territory=self.context.territory, observation=observation, sequence=sequence))
        return sequence

    def _append(self, document: dict[str, Any]) -> None:
        self._event_rows.append(
            {
                "sequence": self._next_sequence,
                "event_id": document["id"],
                "type": document["type"],
                "subject": document["subject"],
                "body": encode_json(document),
            }
        )
        self._next_sequence += 1

    def _count(self, kind: str) -> None:
        if kind == "raised":
            self.raised += 1
        else:
            self.cleared += 1


def _observation(datastream_id: str, instant: int, result: float) -> Observation:
    return Observation(datastream_id=datastream_id, phenomenon_at=from_microseconds(instant), result=result)


def _parts(items: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Slices short enough for one query, all but the last of one length (one compiled statement)."""
    for start in range(0, len(items), _KEYS_PER_QUERY):
        yield items[start : start + _KEYS_PER_QUERY]
