"""The API as a client sees it: pages, conditional answers, problems."""

from __future__ import annotations

import httpx
import pytest

from jnt_pipeline.territory.model import Territory

ROUTES = [
    *("/v1/events", "/v1/alerts", "/v1/layers", "/v1/health", "/v1/observations/latest", "/"),
    "/v1/datastreams/V3000001-H/observations",
]


def test_events_come_with_their_cursor_and_only_new_ones_after_it(client: httpx.Client) -> None:
    first = client.get("/v1/events", params={"limit": 1}).json()
    second = client.get("/v1/events", params={"limit": 1, "after": first["next"]}).json()
    third = client.get("/v1/events", params={"limit": 1, "after": second["next"]}).json()

    assert [page["events"][0]["data"]["rule_id"] for page in (first, second)] == ["crue", "pm10"]
    assert [page["hasMore"] for page in (first, second, third)] == [True, False, False]
    assert (third["events"], third["next"]) == ([], second["next"])


def test_events_are_filtered_by_type_and_prefix_of_subject(client: httpx.Client) -> None:
    def rules(**parameters: object) -> list[str]:
        return [event["data"]["rule_id"] for event in client.get("/v1/events", params=parameters).json()["events"]]

    raised, cleared = "fr.jnt.alert.raised.v1", "fr.jnt.alert.cleared.v1"
    assert rules(type=raised) == ["crue", "pm10"]
    assert rules(type=[cleared, raised]) == ["crue", "pm10"]
    assert rules(type=cleared) == []
    assert rules(subject="station/air") == ["pm10"]


def test_one_event_is_had_by_its_id_as_a_cloudevent(client: httpx.Client) -> None:
    event = client.get("/v1/events").json()["events"][0]

    answer = client.get(f"/v1/events/{event['id']}")

    assert answer.json() == event
    assert answer.headers["content-type"].startswith("application/cloudevents+json")


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_that_the_client_has_is_not_sent_again(client: httpx.Client, route: str) -> None:
    first = client.get(route)
    tag = first.headers["etag"]

    assert first.status_code == 200
    assert tag.startswith('"')
    for given in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(route, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(route, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("route", [*ROUTES, "/publications/odd/bytes.bin", "/v1/events/stream"])
def test_an_unknown_parameter_is_an_error_that_names_the_known_ones(client: httpx.Client, route: str) -> None:
    answer = client.get(route, params={"afer": "x"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["detail"].startswith("unknown query parameter 'afer'; expected ")
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Bad Request", 400)
    assert problem["instance"] == route


@pytest.mark.parametrize(
    ("route", "status", "word"),
    [
        ("/v1/events?limit=0", 400, "limit"),
        ("/v1/events?limit=1001", 400, "limit"),
        ("/v1/events?limit=many", 400, "limit"),
        ("/v1/events?limit=1&limit=2", 400, "more than once"),
        ("/v1/events?type=fr.jnt.unknown", 400, "unknown event type"),
        ("/v1/events?after=nonsense", 400, "not a cursor"),
        ("/v1/events/stream?after=nonsense", 400, "not a cursor"),
        ("/v1/events?after=ZTE6NDI", 410, "another log|does not belong to this log"),
        ("/v1/events/stream?after=ZTE6NDI", 410, "does not belong to this log"),
        ("/v1/events/none", 404, "holds no event"),
        ("/v1/alerts?active=perhaps", 400, "active"),
        ("/v1/datastreams/none/observations", 404, "no datastream 'none'"),
        ("/v1/datastreams/V3000001-H/observations?after=2024-06-01", 400, "after"),
        ("/v1/datastreams/V3000001-H/observations?after=2024-06-01T00:00:00", 400, "after"),
        ("/v2/events", 404, "Not Found"),
        ("/docs", 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(
    client: httpx.Client, route: str, status: int, word: str
) -> None:
    answer = client.get(route)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(part in answer.json()["detail"] for part in word.split("|"))


def test_a_foreign_cursor_is_told_the_oldest_one_from_which_reading_starts_again(client: httpx.Client) -> None:
    oldest = client.get("/v1/events?after=ZTE6NDI").json()["oldest"]

    assert len(client.get("/v1/events", params={"after": oldest}).json()["events"]) == 2


def test_writing_is_not_offered(client: httpx.Client) -> None:
    answer = client.post("/v1/events", json={})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


def test_latest_observations_say_quantity_unit_and_station(client: httpx.Client) -> None:
    page = client.get("/v1/observations/latest").json()

    assert [(one["datastream_id"], one["result"], one["unit"]) for one in page["observations"]] == [
        ("V3000001-H", 1.9, "m"),
        ("air-2-pm10", 29.0, "ug/m3"),
    ]
    assert page["observations"][0]["phenomenon_at"] == "2024-06-01T11:00:00Z"
    assert page["observations"][0]["station"]["name"] == "La Rive au pont"
    one = client.get("/v1/observations/latest", params={"limit": 1}).json()
    rest = client.get("/v1/observations/latest", params={"after": one["next"]}).json()
    assert (one["hasMore"], rest["hasMore"]) == (True, False)
    assert one["observations"] + rest["observations"] == page["observations"]


def test_a_series_is_read_to_its_end_by_time(client: httpx.Client) -> None:
    results, after = [], None
    while True:
        parameters = {"limit": 5} if after is None else {"limit": 5, "after": after}
        page = client.get("/v1/datastreams/V3000001-H/observations", params=parameters).json()
        results += [one["result"] for one in page["observations"]]
        after = page["next"]
        if not page["hasMore"]:
            break

    assert results == [0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]
    assert after == "2024-06-01T11:00:00Z"


def test_alerts_tell_since_when_and_how_things_are_now(client: httpx.Client) -> None:
    flood, dust = client.get("/v1/alerts").json()["alerts"]

    assert (flood["id"], flood["active"], flood["since"]) == ("crue/V3000001-H", True, "2024-06-01T08:00:00Z")
    assert flood["latest"] == {"phenomenon_at": "2024-06-01T11:00:00Z", "result": 1.9}
    assert flood["data"]["severity"] == "alarm"
    assert dust["data"]["station"]["buildings"][0]["id"] == "BATIMENT0000000000000004"


def test_layers_tell_counts_losses_reference_origin_and_files(client: httpx.Client, twin: Territory) -> None:
    document = client.get("/v1/layers").json()
    layers = {layer["name"]: layer for layer in document["layers"]}

    assert set(layers) == set(twin.layers)
    parcels = layers["parcels"]
    assert (parcels["count"], parcels["read"], parcels["rejected"]) == (3, 4, {"missing_parcel_id": 1})
    assert (parcels["horizontal_crs"], parcels["vertical_crs"]) == ("EPSG:2154", None)
    assert parcels["provenance"]["licence"] == "Licence Ouverte 2.0"
    assert parcels["provenance"]["vintage"] == "2024-06"
    assert parcels["provenance"]["accuracy_m"] == 1.5
    (operation,) = parcels["provenance"]["operations"]
    assert (operation["source"], operation["grids"][0]["edition"]) == ("EPSG:27572", "gr3df97a")
    assert parcels["provenance"]["attribution"].endswith("Source: IGN, grilles Licence Ouverte 2.0.")
    assert document["territory"]["declared_undulation"]["value_m"] == 49.9
    assert layers["observations"]["horizontal_crs"] is None
    dtm = next(raster for raster in document["rasters"] if raster["name"] == "dtm")
    assert {file["href"] for file in dtm["files"]} == {"/publications/cog/dtm.tif", "/publications/cog/dtm.png"}
    assert [publication["kind"] for publication in document["publications"]] == ["cog", "odd"]
    (out,) = document["publications"][1]["operations"]
    assert (out["target"], out["accuracy_m"]) == ("EPSG:4978", None)
    odd = document["publications"][1]["files"]
    assert [file["crs"] for file in odd[:2]] == ["EPSG:4978", None]


def test_every_published_file_that_is_there_is_had_at_its_href(client: httpx.Client) -> None:
    publications = client.get("/v1/layers").json()["publications"]
    answers = {
        file["title"]: client.get(file["href"]).status_code
        for publication in publications
        for file in publication["files"]
    }

    assert {title for title, status in answers.items() if status != 200} == {"gone.txt", "link.txt"}


def test_health_reads_the_feed(client: httpx.Client) -> None:
    health = client.get("/v1/health").json()

    assert (health["status"], health["datastreams"], health["active_alerts"]) == ("ok", 2, 2)
    assert health["newest_observation_at"] == "2024-06-01T23:00:00Z"
    assert client.get("/v1/events", params={"after": health["end"]}).json()["events"] == []


def test_the_description_of_the_api_is_served_and_lists_its_routes(client: httpx.Client) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]

    assert {"/v1/events", "/v1/events/stream", "/v1/layers", "/v1/alerts", "/v1/health"} <= set(paths)


def test_every_answer_forbids_guessing_types_and_framing(client: httpx.Client) -> None:
    for route in (*ROUTES, "/publications/odd/bytes.bin", "/none"):
        headers = client.get(route).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
