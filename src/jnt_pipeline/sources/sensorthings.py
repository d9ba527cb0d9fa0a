"""SensorThings 1.1 documents as text tables: an expanded collection, one deep insert, or a batch of requests.

Source: OGC SensorThings API Part 1: Sensing, version 1.1 (18-088), clauses 8 (entities), 10.2 (create), 11 (batch).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from jnt_pipeline.errors import EmptySourceError, UnsupportedError
from jnt_pipeline.sources.network import COLUMNS, RawNetwork, RawTable

__all__ = ["is_sensorthings", "sensorthings_network"]

_ID = "@iot.id"


def is_sensorthings(document: Any) -> bool:
    """Whether a JSON value has the shape of Things, Datastreams, or a batch of requests that creates them."""
    return bool(_things(document) or _datastreams(document))


def sensorthings_network(document: Any, where: str) -> RawNetwork:
    """Stations, datastreams and observations of a document, as text tables in its order.

    An entity without ``@iot.id`` (a deep insert has none) is called by its name, a datastream by
    ``<station>/<name>``; a batch request by its own id. Of a time interval, the end is used. Both are noted.

    Raises ``UnsupportedError`` when the document holds neither Things nor Datastreams, ``EmptySourceError`` when it
    is an empty collection.
    """
    things, datastreams = _things(document), _datastreams(document)
    if not things and not datastreams:
        if isinstance(document, dict) and document.get("value") == []:
            raise EmptySourceError("the collection is empty", where=where, expected="at least one Thing")
        raise UnsupportedError(
            "JSON that is not a SensorThings document with Things or Datastreams",
            where=where,
            found=", ".join(sorted(document)[:10]) if isinstance(document, dict) else type(document).__name__,
            expected="Things expanded with Locations, Datastreams and Observations",
            remedy="ask for Things?$expand=Locations,Datastreams($expand=ObservedProperty,Observations)",
        )
    rows = _Rows()
    for thing in things:
        rows.add_thing(thing)
    for datastream in datastreams:
        rows.add_datastream(datastream, None)
    if isinstance(document, dict) and _has_next(document):
        rows.pages += 1
    return rows.network()


def _things(document: Any) -> list[dict[str, Any]]:
    return [e for e in _entities(document, "Things") if _is_thing(e)]


def _datastreams(document: Any) -> list[dict[str, Any]]:
    return [e for e in _entities(document, "Datastreams") if _is_datastream(e)]


def _is_thing(entity: dict[str, Any]) -> bool:
    return isinstance(entity.get("Datastreams"), list) or (
        isinstance(entity.get("Locations"), list) and "name" in entity
    )


def _is_datastream(entity: dict[str, Any]) -> bool:
    return isinstance(entity.get("unitOfMeasurement"), dict) and "Datastreams" not in entity


def _entities(document: Any, collection: str) -> list[dict[str, Any]]:
    if isinstance(document, dict) and isinstance(document.get("requests"), list):
        return _batch(document["requests"], collection)
    if isinstance(document, dict) and isinstance(document.get("value"), list):
        document = document["value"]
    found = document if isinstance(document, list) else [document]
    return [entity for entity in found if isinstance(entity, dict)]


def _batch(requests: list[Any], collection: str) -> list[dict[str, Any]]:
    """Bodies of the requests that create entities of ``collection``, references to earlier requests replaced."""
    bodies: dict[str, Any] = {}
    created: list[dict[str, Any]] = []
    for request in requests:
        if not isinstance(request, dict) or not isinstance(request.get("body"), dict):
            continue
        if str(request.get("method", "")).lower() != "post":
            continue
        key = str(request.get("id", ""))
        body = {_ID: key, **_resolved(request["body"], bodies)}
        bodies[f"${key}"] = body
        if str(request.get("url", "")).rsplit("/", 1)[-1] == collection:
            created.append(body)
    return created


def _resolved(value: Any, bodies: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(item, bodies) for item in value]
    if isinstance(value, dict):
        if set(value) == {_ID} and value[_ID] in bodies:
            return bodies[value[_ID]]
        return {key: _resolved(item, bodies) for key, item in value.items()}
    return value


def _has_next(entity: dict[str, Any]) -> bool:
    return any(key.endswith("@iot.nextLink") for key in entity)


@dataclass(slots=True)
class _Rows:
    """Rows of the three tables while a document is walked."""

    stations: list[tuple[str, ...]] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    datastreams: list[tuple[str, ...]] = field(default_factory=list)
    observations: list[tuple[str, ...]] = field(default_factory=list)
    named: int = 0
    intervals: int = 0
    pages: int = 0

    def add_thing(self, thing: dict[str, Any]) -> None:
        station_id = self._station(thing, nested=False)
        if _has_next(thing):
            self.pages += 1
        for datastream in thing.get("Datastreams") or ():
            if isinstance(datastream, dict):
                self.add_datastream(datastream, station_id)

    def add_datastream(self, datastream: dict[str, Any], station_id: str | None) -> None:
        if station_id is None:
            owner = datastream.get("Thing")
            station_id = self._station(owner, nested=True) if isinstance(owner, dict) else ""
        name = _text(datastream.get("name"))
        datastream_id = _text(datastream.get(_ID))
        if not datastream_id:
            self.named += 1
            datastream_id = f"{station_id}/{name}" if name else ""
        unit = datastream.get("unitOfMeasurement")
        unit = unit if isinstance(unit, dict) else {}
        quantity = datastream.get("ObservedProperty")
        quantity = quantity if isinstance(quantity, dict) else {}
        self.datastreams.append(
            (
                datastream_id,
                station_id,
                _text(quantity.get("name")),
                _text(unit.get("symbol")) or _text(unit.get("name")),
                name,
            )
        )
        if _has_next(datastream):
            self.pages += 1
        for observation in datastream.get("Observations") or ():
            self._add_observation(observation, datastream_id)

    def _add_observation(self, observation: Any, datastream_id: str) -> None:
        observation = observation if isinstance(observation, dict) else {}
        instant = _text(observation.get("phenomenonTime"))
        if "/" in instant:
            self.intervals += 1
            instant = instant.rsplit("/", 1)[1]
        # as JSON text: only a JSON number looks like a number then, "3.2" and true do not
        self.observations.append((datastream_id, instant, json.dumps(observation.get("result"))))

    def _station(self, thing: dict[str, Any], *, nested: bool) -> str:
        name = _text(thing.get("name"))
        station_id = _text(thing.get(_ID))
        if not station_id:
            self.named += 1
            station_id = name
        properties = thing.get("properties")
        kind = _text(properties.get("type")) if isinstance(properties, dict) else ""
        if not nested or station_id not in self.placed:  # datastreams of one Thing repeat it, each in full
            self.placed.add(station_id)
            self.stations.append((station_id, name, kind, *_position(thing.get("Locations"))))
        return station_id

    def network(self) -> RawNetwork:
        notes = []
        if self.named:
            notes.append(f"{self.named} entities without @iot.id, called by their names")
        if self.intervals:
            notes.append(f"{self.intervals} observations over an interval: its end is used")
        if self.pages:
            notes.append(f"{self.pages} lists go on in further pages (@iot.nextLink) that are not in the file")
        rows = {
            "stations": self.stations,
            "datastreams": self.datastreams,
            "observations": self.observations,
        }
        return RawNetwork(tables={name: _table(name, values) for name, values in rows.items()}, notes=tuple(notes))


def _position(locations: Any) -> tuple[str, str, str]:
    """Longitude, latitude and elevation as text of the first Location that is a GeoJSON point."""
    for location in locations if isinstance(locations, list) else ():
        place = location.get("location") if isinstance(location, dict) else None
        if isinstance(place, dict) and place.get("type") == "Feature":
            place = place.get("geometry")
        if isinstance(place, dict) and place.get("type") == "Point" and isinstance(place.get("coordinates"), list):
            values = [json.dumps(value) for value in place["coordinates"]]
            if len(values) >= 2:
                return values[0], values[1], values[2] if len(values) > 2 else ""
    return "", "", ""


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _table(name: str, rows: list[tuple[str, ...]]) -> RawTable:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS[name])
    arrays = [pa.array(column, type=pa.string()) for column in columns]
    singular = name.removesuffix("s")
    return RawTable(
        table=pa.table(dict(zip(COLUMNS[name], arrays, strict=True))), label=lambda i: f"{singular} {i + 1}"
    )
