"""Events: CloudEvents 1.0, self-sufficient, the same for the same cause."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.builders import tiny_territory
from tests.hypervisor.feeding import DUST, FLOOD, frame, with_observations

from jnt_pipeline.hypervisor.context import context_of
from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.events import encode_json, source_of
from jnt_pipeline.hypervisor.feed import Feed, LoggedEvent
from jnt_pipeline.provenance import Operation
from jnt_pipeline.territory.model import Territory


@pytest.fixture(scope="module")
def events(twin: Territory, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoggedEvent, ...]:
    folder = tmp_path_factory.mktemp("events")
    corrected = with_observations(twin, folder, frame(("V3000001-H", 0, 9.0), ("V3000001-H", 0, 1.0)))
    deliver(twin, [FLOOD, DUST], folder / "feed.sqlite")
    deliver(corrected, [FLOOD, DUST], folder / "feed.sqlite")
    with Feed.open(folder / "feed.sqlite") as feed:
        return feed.events().events


def test_the_events_are_valid_cloudevents_for_the_official_library(events: tuple[LoggedEvent, ...]) -> None:
    formats = pytest.importorskip("cloudevents.core.formats.json", reason="needs the cloudevents package")
    assert {event.type.split(".")[-2] for event in events} == {"raised", "cleared", "corrected"}
    for event in events:
        read = formats.JSONFormat().read(None, event.body.encode())

        assert read.get_id() == event.event_id
        assert read.get_type() == event.type


def test_attributes_keep_to_the_specification(events: tuple[LoggedEvent, ...]) -> None:
    for event in events:
        document = event.document

        assert list(document) == [
            *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence", "data")
        ]
        assert all(re.fullmatch("[a-z0-9]+", name) for name in document)  # CloudEvents 1.0 §3.1
        assert document["specversion"] == "1.0"
        assert document["source"] == "urn:jnt:territory:tiny"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["time"])
        assert document["sequence"] == f"{event.sequence:020d}"
        assert "\n" not in event.body


def test_sequences_are_ordered_as_text_and_ids_are_unique(events: tuple[LoggedEvent, ...]) -> None:
    sequences = [event.document["sequence"] for event in events]

    assert sequences == sorted(sequences)
    assert len({event.event_id for event in events}) == len(events)


def lambert93_inverse(easting_m: float, northing_m: float) -> tuple[float, float]:
    """Longitude and latitude, degrees: IGN NTG 71, algorithms ALG0004 and ALG0002, constants of Lambert-93."""
    n, c, x_s, y_s, e = 0.7256077650532670, 11_754_255.426, 700_000.0, 12_655_612.050, 0.0818191910428158
    radius = math.hypot(easting_m - x_s, northing_m - y_s)
    longitude = math.radians(3) + math.atan2(easting_m - x_s, y_s - northing_m) / n
    isometric = -math.log(radius / c) / n
    latitude = 2 * math.atan(math.exp(isometric)) - math.pi / 2
    for _ in range(20):
        stretch = ((1 + e * math.sin(latitude)) / (1 - e * math.sin(latitude))) ** (e / 2)
        latitude = 2 * math.atan(stretch * math.exp(isometric)) - math.pi / 2
    return math.degrees(longitude), math.degrees(latitude)


def test_an_alert_says_what_where_and_since_when_without_any_other_document(events: tuple[LoggedEvent, ...]) -> None:
    flood, dust = (event.document for event in events[:2])

    assert flood["subject"] == "station/V3000001"
    assert flood["time"] == "2024-06-01T08:00:00Z"  # 0.8 + 0.1 h first exceeds 1.5 at 8 h
    data = flood["data"]
    assert (data["rule_id"], data["severity"], data["title"]) == ("crue", "alarm", "Crue")
    assert (data["value"], data["unit"], data["since"]) == (1.6, "m", "2024-06-01T08:00:00Z")
    assert data["threshold"] == {"above": 1.5, "below": None, "clear": 1.3}
    assert data["station"]["name"] == "La Rive au pont"
    position = data["station"]["position"]
    assert (position["horizontal_crs"], position["easting_m"], position["northing_m"]) == (
        *("EPSG:2154", 843_300.0, 6_519_005.0),
    )
    assert (position["elevation_m"], position["vertical_datum"]) == (171.25, "EPSG:5720")
    longitude, latitude = lambert93_inverse(843_300.0, 6_519_005.0)
    assert position["longitude"] == pytest.approx(longitude, abs=1e-8)  # the last digit that is written: 1 mm
    assert position["latitude"] == pytest.approx(latitude, abs=1e-8)

    linked = dust["data"]["station"]
    assert linked["buildings"] == [
        {"id": "BATIMENT0000000000000004", "method": "nearest", "score": 0.5, "linked_on": "2024-06-30"}
    ]
    assert linked["parcels"] == []
    assert (linked["position"]["elevation_m"], linked["position"]["vertical_datum"]) == (None, None)


def test_an_event_says_by_which_operations_its_place_came_and_how_well_it_is_known(
    twin: Territory, tmp_path: Path
) -> None:
    """Stations brought in from NTF to 1.5 m; EPSG states 1 m for RGF93 v1 to WGS 84."""
    brought_in = Operation(source="EPSG:27572+5720", target="EPSG:2154+5720", description="by hand", accuracy_m=1.5)
    stations = twin.layer("stations")
    moved = replace(stations, provenance=stations.provenance.with_operation(brought_in))
    deliver(replace(twin, layers={**twin.layers, "stations": moved}), [FLOOD, DUST], tmp_path / "feed.sqlite")
    with Feed.open(tmp_path / "feed.sqlite") as feed:
        flood, dust = (event.document["data"]["station"]["position"] for event in feed.events().events[:2])

    assert flood["accuracy_m"] == pytest.approx(2.5)
    assert flood["elevation_accuracy_m"] == pytest.approx(1.5)
    assert [(one["source"], one["target"]) for one in flood["operations"]] == [
        ("EPSG:27572+5720", "EPSG:2154+5720"),
        ("EPSG:2154", "EPSG:4326"),
    ]
    assert (dust["elevation_m"], dust["elevation_accuracy_m"]) == (None, None)


def test_the_same_twin_delivered_elsewhere_gives_the_same_bytes(
    twin: Territory, events: tuple[LoggedEvent, ...], tmp_path: Path
) -> None:
    deliver(twin, [FLOOD, DUST], tmp_path / "feed.sqlite", batch_size=5)

    with Feed.open(tmp_path / "feed.sqlite") as feed:
        assert [event.body for event in feed.events().events] == [event.body for event in events[:2]]


def test_json_never_holds_what_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        encode_json({"value": float("nan")})


def test_a_territory_name_is_escaped_in_the_source() -> None:
    assert source_of("a b/ç") == "urn:jnt:territory:a%20b%2F%C3%A7"


def test_a_station_set_aside_leaves_its_alerts_without_a_position_and_says_so(tmp_path: Path) -> None:
    territory = tiny_territory(tmp_path, leave_out=("stations", "links"))
    deliver(territory, [FLOOD], tmp_path / "feed.sqlite")

    with Feed.open(tmp_path / "feed.sqlite") as feed:
        (event,) = feed.events().events
    assert event.document["data"]["station"] == {
        "id": "V3000001",
        "name": None,
        "type": None,
        "position": None,
        "buildings": [],
        "parcels": [],
    }


def test_a_twin_without_sensors_has_an_empty_context(tmp_path: Path) -> None:
    territory = tiny_territory(tmp_path, empty=True)

    assert context_of(territory).flows == {}


def test_the_body_of_an_event_is_json_that_any_reader_takes(events: tuple[LoggedEvent, ...]) -> None:
    for event in events:
        assert json.loads(event.body, parse_constant=pytest.fail) == event.document
