"""Change events: what became of which things of a layer, told once however often they are delivered."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import signal
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import pytest
from shapely.affinity import translate
from shapely.geometry import Polygon, box
from tests.builders import INSEE, X0, Y0, ground_elevation_m, tiny_territory
from tests.hypervisor.dying import deliver_and_die
from tests.hypervisor.feeding import DUST, FLOOD, listening

from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.changes import changes_of
from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.events import LAYER_CHANGED
from jnt_pipeline.hypervisor.feed import Delivery, Feed, LoggedEvent
from jnt_pipeline.hypervisor.server import create_app
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.territory.changes import CHANGES, ChangeParameters, LayerEdition, layer_changes
from jnt_pipeline.territory.model import StoredLayer, Territory

RULES = [FLOOD, DUST]
PARCEL = f"{INSEE}000AB000"
MADE_BY = Provenance(producer="The jnt_pipeline tests", licence="Licence Ouverte 2.0")

_PROCESSES = multiprocessing.get_context("forkserver")  # processes of their own, whose imports are paid for once
_PROCESSES.set_forkserver_preload(["tests.hypervisor.dying"])


def edition(name: str, shapes: dict[str, Polygon], vintage: str, number: int, **columns: object) -> LayerEdition:
    schema = SCHEMAS[name]
    placed = [translate(shape, X0, Y0) for shape in shapes.values()]
    frame = gpd.GeoDataFrame({schema.key: list(shapes), **columns}, geometry=placed, crs="EPSG:2154")
    return LayerEdition(frame=frame, schema=schema, vintage=vintage, number=number)


def changes_of_land(vintage: str = "2024-06", number: int = 2) -> pd.DataFrame:
    """Parcels 2 and 3 come from a division, 1 was registered anew, one was given up; footprint 1 was extended."""
    before = edition(
        "parcels",
        {f"{PARCEL}1": box(0, 0, 30, 60), f"{PARCEL}9": box(30, 0, 120, 60), f"{PARCEL}8": box(300, 0, 310, 9)},
        "2024-01",
        number - 1,
        registered_area_m2=[1700, 5400, 90],
    )
    after = edition(
        "parcels",
        {f"{PARCEL}1": box(0, 0, 30, 60), f"{PARCEL}2": box(30, 0, 60, 60), f"{PARCEL}3": box(60, 0, 120, 60)},
        vintage,
        number,
        registered_area_m2=[1740, 1850, 3600],
    )
    built = [
        edition("footprints", {f"{INSEE}-footprint-1": box(5, 5, east, 13)}, day, count)
        for east, day, count in ((12, "2024-01", number - 1), (15, vintage, number))
    ]
    tables = [layer_changes(*both, ChangeParameters()).changes for both in ((before, after), built)]
    joined: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return joined


def with_changes(territory: Territory, folder: Path, changes: pd.DataFrame) -> Territory:
    """The same twin with these changes."""
    folder.mkdir(exist_ok=True)
    part = folder / "changes.parquet"
    write_layer_parquet(changes, part)
    layer = StoredLayer(
        name="changes",
        parts=(part,),
        reference=territory.reference.flat(),
        provenance=MADE_BY,
        counts=Counts(read=len(changes), kept=len(changes)),
    )
    return dataclasses.replace(territory, layers={**territory.layers, "changes": layer})


def logged(path: Path) -> tuple[LoggedEvent, ...]:
    with Feed.open(path) as feed:
        return feed.events(limit=1000).events


@pytest.fixture(scope="module")
def changed(twin: Territory, tmp_path_factory: pytest.TempPathFactory) -> Territory:
    return with_changes(twin, tmp_path_factory.mktemp("changes"), changes_of_land())


@pytest.fixture(scope="module")
def events(changed: Territory, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """The change events by subject."""
    path = tmp_path_factory.mktemp("log") / "feed.sqlite"
    deliver(changed, RULES, path)
    return {event.document["subject"]: event.document for event in logged(path) if event.type == LAYER_CHANGED}


def test_each_change_is_one_event_and_the_alerts_come_after_them(changed: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"

    assert deliver(changed, RULES, path) == Delivery(received=24, stored=24, raised=2, changes_told=4)
    told = [(event.document["type"], event.document["subject"]) for event in logged(path)]
    assert told == [
        (LAYER_CHANGED, f"layer/footprints/{INSEE}-footprint-1"),
        (LAYER_CHANGED, f"layer/parcels/{PARCEL}1"),
        (LAYER_CHANGED, f"layer/parcels/{PARCEL}2"),
        (LAYER_CHANGED, f"layer/parcels/{PARCEL}8"),
        ("fr.jnt.alert.raised.v1", "station/V3000001"),
        ("fr.jnt.alert.raised.v1", "station/air-2"),
    ]


def test_delivered_again_in_batches_of_any_size_nothing_is_told_twice(changed: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    deliver(changed, RULES, path, batch_size=3)
    before = [event.body for event in logged(path)]

    again = deliver(changed, RULES, path)

    assert again == Delivery(received=24, repeated=24, changes_known=4)
    assert [event.body for event in logged(path)] == before
    deliver(changed, RULES, tmp_path / "other.sqlite", batch_size=1)
    assert [event.body for event in logged(tmp_path / "other.sqlite")] == before


def test_a_later_edition_goes_on_in_the_same_log(twin: Territory, changed: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    deliver(changed, RULES, path)
    later = with_changes(twin, tmp_path / "later", changes_of_land("2024-09", 3))

    assert deliver(later, RULES, path).changes_told == 4
    assert deliver(later, RULES, path).changes_told == 0
    assert deliver(changed, RULES, path).changes_told == 0
    assert [event.document["time"][:7] for event in logged(path)[-4:]] == ["2024-09"] * 4


def test_a_division_says_what_where_and_on_what_evidence_without_any_other_document(
    events: dict[str, dict[str, object]],
) -> None:
    event = events[f"layer/parcels/{PARCEL}2"]
    data = event["data"]
    assert isinstance(data, dict)

    assert event["time"] == "2024-06-01T00:00:00Z"
    assert (data["change"], data["layer"]) == ("split", "parcels")
    assert (data["old_ids"], data["new_ids"]) == ([f"{PARCEL}9"], [f"{PARCEL}2", f"{PARCEL}3"])
    assert (data["old_vintage"], data["new_vintage"], data["edition"]) == ("2024-01", "2024-06", 2)
    assert [one["of_old"] for one in data["evidence"]["overlaps"]] == [0.3333, 0.6667]
    assert data["what"] == {"geometry": True, "attributes": {}}
    position = data["position"]
    east, north = position["easting_m"] - X0, position["northing_m"] - Y0
    assert box(60, 0, 120, 60).contains(box(east, north, east, north).centroid)
    assert position["horizontal_crs"] == "EPSG:2154"
    assert position["elevation_m"] == pytest.approx(ground_elevation_m(east, north), abs=0.01)  # half a pixel on 3 %
    assert position["vertical_datum"] == "EPSG:5720"
    assert (round(position["longitude"]), round(position["latitude"])) == (5, 46)
    assert [one["id"][-1] for one in data["buildings"]] == ["2", "3", "4", "5", "6"]
    assert data["buildings"][0] == {
        "id": "BATIMENT0000000000000002", "method": "overlap", "score": 0.35, "linked_on": "2024-06-30",
    }  # fmt: skip
    assert data["parcels"] == []


def test_a_new_register_entry_tells_old_and_new_value(events: dict[str, dict[str, object]]) -> None:
    data = events[f"layer/parcels/{PARCEL}1"]["data"]
    assert isinstance(data, dict)

    assert data["what"] == {"geometry": False, "attributes": {"registered_area_m2": {"old": 1700, "new": 1740}}}
    assert [one["id"][-1] for one in data["buildings"]] == ["1", "2"]


def test_a_footprint_names_its_building_and_the_parcels_of_that(events: dict[str, dict[str, object]]) -> None:
    data = events[f"layer/footprints/{INSEE}-footprint-1"]["data"]
    assert isinstance(data, dict)

    assert data["buildings"] == [
        {"id": "BATIMENT0000000000000001", "method": "footprint", "score": 1.0, "linked_on": None}
    ]
    assert [one["id"] for one in data["parcels"]] == [f"{PARCEL}1"]
    assert data["evidence"]["old_area_m2"] == 56.0


def test_what_was_given_up_has_a_place_without_ground_and_no_links(events: dict[str, dict[str, object]]) -> None:
    """The parcel lay 180 m east of the terrain of the twin."""
    data = events[f"layer/parcels/{PARCEL}8"]["data"]
    assert isinstance(data, dict)

    assert (data["change"], data["new_ids"], data["buildings"]) == ("removed", [], [])
    assert data["what"] == {"geometry": True, "attributes": {}}
    assert (data["position"]["elevation_m"], data["position"]["vertical_datum"]) == (None, None)


def test_the_events_are_valid_cloudevents_for_the_official_library(events: dict[str, dict[str, object]]) -> None:
    formats = pytest.importorskip("cloudevents.core.formats.json", reason="needs the cloudevents package")
    for event in events.values():
        assert formats.JSONFormat().read(None, json.dumps(event).encode()).get_type() == LAYER_CHANGED


def test_a_vintage_that_names_no_day_leaves_the_time_out(twin: Territory, tmp_path: Path) -> None:
    undated = with_changes(twin, tmp_path / "undated", changes_of_land("latest"))
    deliver(undated, [], tmp_path / "feed.sqlite")

    documents = [event.document for event in logged(tmp_path / "feed.sqlite")]

    assert len(documents) == 4
    assert all("time" not in document for document in documents)
    assert {document["data"]["new_vintage"] for document in documents} == {"latest"}


def test_the_shift_of_a_sheet_is_one_event_that_lists_no_links(twin: Territory, tmp_path: Path) -> None:
    land = {f"{PARCEL}{k}": box(20 * k, 0, 20 * k + 10 + k, 30) for k in range(6)}
    moved = {one: translate(shape, 1.5, 0) for one, shape in land.items()}
    found = layer_changes(edition("parcels", land, "2025", 1), edition("parcels", moved, "2026", 2), ChangeParameters())

    (told,) = changes_of(with_changes(twin, tmp_path / "shift", found.changes))

    assert (told.change, told.old_ids, told.new_ids) == ("shifted", tuple(land), tuple(land))
    assert told.evidence["shift_m"] == [1.5, 0.0]
    assert (told.buildings, told.parcels) == (None, None)
    assert told.subject == f"layer/parcels/{PARCEL}0"


def test_a_building_of_the_topographic_map_names_the_building_linked_to_it_from_either_end(
    twin: Territory, tmp_path: Path
) -> None:
    name, cleabs = "BATIMENT0000000000000001", "BATIMENT0000000316727839"
    part = tmp_path / "links.parquet"
    rows = [("building-topo", name, cleabs), ("building-topo", f"{name[:-1]}2", "other"), ("topo-rnb", cleabs, "R")]
    links = pd.DataFrame(rows, columns=["link_type", "source_id", "target_id"]).astype("str")
    write_layer_parquet(links.assign(method="declared", score=np.nan, linked_on="2026-03-01"), part)
    stored = dataclasses.replace(twin.layers["links"], parts=(part,))
    linked = dataclasses.replace(twin, layers={**twin.layers, "links": stored})
    built = [edition("topo_buildings", {cleabs: box(0, 0, east, 9)}, "2026", count) for count, east in ((1, 5), (2, 9))]
    changes = layer_changes(*built, ChangeParameters()).changes

    (told,) = changes_of(with_changes(linked, tmp_path / "changes", changes))

    assert told.buildings is not None
    assert [(one.id, one.method, one.score) for one in told.buildings] == [(name, "declared", None)]
    assert told.parcels == ()


def test_a_twin_without_changes_or_with_none_tells_nothing(twin: Territory, tmp_path: Path) -> None:
    assert changes_of(twin) == []
    assert changes_of(with_changes(twin, tmp_path / "none", changes_of_land().iloc[:0])) == []


def test_a_twin_without_terrain_links_and_buildings_still_tells_its_changes(tmp_path: Path) -> None:
    bare = tiny_territory(tmp_path / "bare", leave_out=("links", "buildings", "dtm"))

    told = changes_of(with_changes(bare, tmp_path / "changes", changes_of_land()))

    assert [(one.buildings, one.parcels, one.position.elevation_m) for one in told] == [((), (), None)] * 4


def test_a_table_that_is_not_one_of_changes_is_named(twin: Territory, tmp_path: Path) -> None:
    broken = changes_of_land()
    broken["evidence"] = broken["evidence"].str.slice(0, 5)

    with pytest.raises(DeliveryError, match=r"changes, [0-9a-f]{32}"):
        deliver(with_changes(twin, tmp_path / "broken", broken), RULES, tmp_path / "feed.sqlite")


@pytest.mark.parametrize(
    ("moment", "batch", "n_logged"),
    [
        pytest.param("change", 2, 20, id="second batch made, not written"),
        pytest.param("commit", 2, 0, id="first batch written, not committed"),  # flush 1 belongs to the rules
        pytest.param("changed", 2, 40, id="between two batches"),
        pytest.param("record", 1, 50, id="in the first observations"),
    ],
)
def test_a_delivery_killed_anywhere_and_run_again_leaves_the_events_of_one_undisturbed_run(
    twin: Territory, tmp_path: Path, moment: str, batch: int, n_logged: int
) -> None:
    land = {f"{PARCEL}{k:02d}": box(20 * k, 0, 20 * k + 10, 30) for k in range(50)}
    found = layer_changes(edition("parcels", {}, "2025", 1), edition("parcels", land, "2026", 2), ChangeParameters())
    territory = with_changes(twin, tmp_path / "many", found.changes)
    path = tmp_path / "feed.sqlite"

    process = _PROCESSES.Process(target=deliver_and_die, args=(territory, RULES, path, moment, batch))
    process.start()
    process.join()

    assert process.exitcode == -signal.SIGKILL
    assert len(logged(path)) == n_logged
    rest = deliver(territory, RULES, path)
    assert (rest.changes_told, rest.changes_known) == (50 - n_logged, n_logged)
    deliver(territory, RULES, tmp_path / "undisturbed.sqlite")
    assert [event.body for event in logged(path)] == [event.body for event in logged(tmp_path / "undisturbed.sqlite")]


def test_changes_are_had_by_cursor_type_subject_and_stream_like_all_events_and_the_page_tells_them(
    changed: Territory, tmp_path: Path
) -> None:
    path = tmp_path / "feed.sqlite"
    deliver(changed, RULES, path)
    with listening(create_app(changed, path)) as url, httpx.Client(base_url=url, timeout=60) as client:
        page = client.get("/v1/events", params={"type": LAYER_CHANGED, "subject": "layer/parcels/", "limit": 2}).json()
        rest = client.get("/v1/events", params={"type": LAYER_CHANGED, "after": page["next"]}).json()
        one = client.get(f"/v1/events/{page['events'][0]['id']}").json()
        html = client.get("/").text
        with client.stream("GET", "/v1/events/stream", params={"type": LAYER_CHANGED}) as answer:
            lines = answer.iter_lines()
            head = [next(lines), next(lines)]

    assert [event["subject"][-1] for event in page["events"] + rest["events"]] == ["1", "2", "8"]
    assert (page["hasMore"], rest["hasMore"]) == (True, False)
    assert one == page["events"][0]
    assert f"event: {LAYER_CHANGED}" in head
    assert "Couche mise à jour – division" in html
    assert f"Parcelles cadastrales, {PARCEL}2 et 1 autre" in html


def test_the_page_tells_a_change_without_a_day(twin: Territory, tmp_path: Path) -> None:
    undated = with_changes(twin, tmp_path / "undated", changes_of_land(""))
    deliver(undated, RULES, tmp_path / "feed.sqlite")

    with listening(create_app(undated, tmp_path / "feed.sqlite")) as url:
        assert "date non précisée" in httpx.get(url, timeout=60).text


def test_the_layer_of_changes_has_the_columns_and_types_of_its_schema(changed: Territory) -> None:
    frame = changed.layer("changes").to_geopandas()

    assert [name for name in frame.columns if name != "geometry"] == list(CHANGES.column_names)
    assert frame["edition"].dtype.kind == "i"
    assert set(frame.geom_type) == {"Point"}
    assert np.isfinite(frame.geometry.x).all()
