"""The sensors of each sample: files, faults, alerts and flood agree with the truth."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime

import pyproj
import pytest
import yaml

from jnt_pipeline.samples import sample_config
from samples.conftest import Made
from samples.reading_samples import rows_of, truth_of


def _when(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def test_observations_hold_exactly_the_faults_that_the_truth_counts(made: Made) -> None:
    rows = rows_of(made.folder / "sensors" / "observations.csv")
    assert list(rows[0]) == ["datastream_id", "phenomenon_at", "result"]
    counts = truth_of(made.folder, "expected_counts.json")["observations"]
    assert counts["csv_rows"] == len(rows)
    assert sum(_when(r["phenomenon_at"]) is None for r in rows) == counts["bad_timestamps"] == 1
    assert sum(not r["result"].replace(".", "").removeprefix("-").isdigit() for r in rows) == counts["not_numeric"] == 1
    repeated = Counter(tuple(r.values()) for r in rows)
    assert sum(n - 1 for n in repeated.values()) == counts["exact_duplicates"] == 2
    latest: dict[str, datetime] = {}
    late = 0
    for row in rows:
        at = _when(row["phenomenon_at"])
        if at is None or row["result"] == "--" or repeated[tuple(row.values())] > 1:
            continue
        late += at < latest.get(row["datastream_id"], at)
        latest[row["datastream_id"]] = max(at, latest.get(row["datastream_id"], at))
    assert late == counts["out_of_order"] == 3
    offset = "+01:00" if made.name == "rive" else "+04:00"
    assert any(r["phenomenon_at"].endswith(offset) for r in rows)
    assert counts["read"] == counts["kept"] + 2 == len(rows) + counts["sensorthings_observations"]


def test_expected_alerts_follow_from_the_observations_in_the_files(made: Made) -> None:

    measures: dict[str, dict[datetime, float]] = {}
    for row in rows_of(made.folder / "sensors" / "observations.csv"):
        at = _when(row["phenomenon_at"])
        if at is not None and row["result"] != "--":
            measures.setdefault(row["datastream_id"], {})[at] = float(row["result"])
    things = json.loads((made.folder / "sensors" / "sensorthings.json").read_text(encoding="utf-8"))["value"]
    for flow in (flow for thing in things for flow in thing["Datastreams"]):
        for one in flow["Observations"]:
            at = datetime.fromisoformat(one["phenomenonTime"])
            measures.setdefault(flow["@iot.id"], {})[at] = one["result"]
    turns = []
    for rule in yaml.safe_load(sample_config(made.name, "x"))["rules"]:
        sign = 1 if "above" in rule else -1
        limit = sign * rule.get("above", rule.get("below"))
        for flow_id in (name for name in measures if name.endswith(f"-{rule['observed_property']}")):
            active = False
            for at, value in sorted(measures[flow_id].items()):
                if (sign * value > limit) if not active else (sign * value <= sign * rule["clear"]):
                    active = not active
                    turns.append((rule["rule_id"], flow_id, "raised" if active else "cleared", at, value))
    expected = [
        (t["rule_id"], t["datastream_id"], t["kind"], datetime.fromisoformat(t["phenomenon_at"]), t["result"])
        for t in truth_of(made.folder, "alerts.json")
    ]
    assert turns == expected


def test_stations_are_where_the_truth_says_in_both_formats(made: Made) -> None:
    to_plane = pyproj.Transformer.from_crs(4326, made.epsg, always_xy=True)
    truth = {r["station_id"]: r for r in rows_of(made.folder / "truth" / "stations.csv")}
    found = {
        r["station_id"]: (float(r["longitude"]), float(r["latitude"]), float(r["elevation_m"]))
        for r in rows_of(made.folder / "sensors" / "stations.csv")
    }
    for thing in json.loads((made.folder / "sensors" / "sensorthings.json").read_text(encoding="utf-8"))["value"]:
        found[thing["@iot.id"]] = tuple(thing["Locations"][0]["location"]["coordinates"])
        assert thing["properties"]["vertical_datum"] == made.vertical
    assert set(found) == set(truth)
    for name, (lon, lat, elevation) in found.items():
        x, y = to_plane.transform(lon, lat)
        # 7 decimals are 1.1 cm, the truth's own centimetre half as much.
        assert math.hypot(x - float(truth[name]["easting_m"]), y - float(truth[name]["northing_m"])) < 0.015
        assert elevation == float(truth[name]["elevation_m"])


def test_flood_reaches_more_buildings_as_the_water_rises(made: Made) -> None:
    steps = truth_of(made.folder, "flood.json")
    lowest = {
        f["properties"]["building_id"]: f["properties"]["ground_min_elevation_m"]
        for f in truth_of(made.folder, "buildings.geojson")["features"]
    }
    assert [len(step["building_ids"]) for step in steps] == sorted(len(step["building_ids"]) for step in steps)
    for step in steps:
        assert step["water_elevation_m"] == pytest.approx(made.gauge_zero_m + step["water_level"])
        assert set(step["building_ids"]) == {b for b, ground in lowest.items() if ground < step["water_elevation_m"]}
    assert steps[-1]["building_ids"]
