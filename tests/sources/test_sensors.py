from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.errors import (
    EmptySourceError,
    JntError,
    MissingHeightReferenceError,
    SourceError,
    UnreadableError,
    UnsupportedError,
)
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.network import RawTable, _instants, _numbers, judged_observations
from jnt_pipeline.sources.sensors import SensorsSource
from source_files import DATASTREAMS, OBSERVATIONS, OWNER, STATIONS, write_network


def layers_of(path: Path, vertical: str | None = "EPSG:5720") -> dict[str, Layer]:
    source = SensorsSource.model_validate({"path": path, **OWNER, "vertical": vertical})
    (unit,) = source.units(None)
    return {layer.name: layer for layer in source.read(unit, None)}


def test_the_three_tables_give_three_layers(tmp_path: Path) -> None:
    layers = layers_of(write_network(tmp_path))
    assert list(layers) == ["stations", "datastreams", "observations"]
    station = layers["stations"].frame.iloc[0]
    assert (station["station_id"], station["elevation_m"]) == ("S1", 27.5)
    assert (station["geometry"].x, station["geometry"].y) == (2.35, 48.85)
    assert str(layers["stations"].reference) == "EPSG:4326+5720"
    assert layers["datastreams"].frame["observed_property"].tolist() == ["water_level"]
    observations = layers["observations"].frame
    # 01:10 at +01:00 is 00:10 UTC
    assert observations["phenomenon_at"].tolist() == [
        pd.Timestamp("2024-01-01T00:00:00Z"),
        pd.Timestamp("2024-01-01T00:10:00Z"),
    ]
    assert observations["result"].tolist() == [1.25, 1.5]
    assert [file.name for file in layers["observations"].provenance.files] == [
        "stations.csv",
        "datastreams.csv",
        "observations.csv",
    ]


def test_semicolons_a_byte_order_mark_and_quotes_are_read(tmp_path: Path) -> None:
    write_network(tmp_path)
    text = STATIONS.replace(",", ";") + '"S1";"Pont; ""Vieux""";gauge;2.35;48.85;\r\n'
    (tmp_path / "stations.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert layers_of(tmp_path, None)["stations"].frame["station_name"].tolist() == ['Pont; "Vieux"']


def test_columns_may_come_in_any_order_and_strange_ones_are_noted(tmp_path: Path) -> None:
    write_network(tmp_path)
    (tmp_path / "observations.csv").write_text(
        "result,quality,datastream_id,phenomenon_at\n3,ok,D1,2024-01-01T00:00:00Z\n"
    )
    layer = layers_of(tmp_path)["observations"]
    assert layer.frame["result"].tolist() == [3.0]
    assert "observations.csv: columns left out: quality" in layer.provenance.notes


@pytest.mark.parametrize("name", ["stations", "datastreams", "observations"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    write_network(tmp_path)
    header = {"stations": STATIONS, "datastreams": DATASTREAMS, "observations": OBSERVATIONS}[name]
    lost = header.strip().split(",")[1]
    (tmp_path / f"{name}.csv").write_text(header.replace(f"{lost},", ""))
    with pytest.raises(SourceError, match=rf"{name}\.csv: missing column {lost}"):
        layers_of(tmp_path)


def test_a_repeated_column_is_named(tmp_path: Path) -> None:
    write_network(tmp_path)
    (tmp_path / "observations.csv").write_text("datastream_id,phenomenon_at,result,result\n")
    with pytest.raises(SourceError, match="repeated column result"):
        layers_of(tmp_path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("D1,2024-01-01T00:00:00,1", "bad_timestamp"),  # naive: no offset, no instant
        ("D1,2024-01-01,1", "bad_timestamp"),
        ("D1,2024-02-30T00:00:00Z,1", "bad_timestamp"),
        ("D1,01/02/2024 00:00:00Z,1", "bad_timestamp"),
        ("D1,,1", "bad_timestamp"),
        ("D1,2024-01-01T00:00:00Z,", "bad_result"),
        ("D1,2024-01-01T00:00:00Z,high", "bad_result"),
        ("D1,2024-01-01T00:00:00Z,NaN", "bad_result"),
        ("D1,2024-01-01T00:00:00Z,-inf", "bad_result"),
        ("D1,2024-01-01T00:00:00Z,1e999", "bad_result"),
        ('D1,2024-01-01T00:00:00Z,"1,5"', "bad_result"),
        ("D2,2024-01-01T00:00:00Z,1", "unknown_datastream"),
        (",2024-01-01T00:00:00Z,1", "unknown_datastream"),
        ("D1,2024-01-01T00:00:00Z", "broken_row"),
        ("D1,2024-01-01T00:00:00Z,1,2", "broken_row"),
    ],
)
def test_an_observation_at_fault_is_set_aside_with_its_row(tmp_path: Path, row: str, reason: str) -> None:
    good = "D1,2024-01-01T00:00:00Z,1\n"
    layer = layers_of(write_network(tmp_path, observations=f"{good}{row}\n{good}"))["observations"]
    assert layer.counts.model_dump() == {"read": 3, "kept": 2, "rejected": {reason: 1}}
    assert layer.rejected["record"].tolist() == ["row 3"]  # the header is row 1


def test_rows_are_numbered_as_in_the_file_after_broken_ones(tmp_path: Path) -> None:
    rows = "D1\nD1,x,1\nD1\nD1,2024-01-01T00:00:00Z,1\nD1,y,1\n"
    layer = layers_of(write_network(tmp_path, observations=rows))["observations"]
    found = dict(zip(layer.rejected["record"], layer.rejected["reason"], strict=True))
    assert found == {"row 2": "broken_row", "row 4": "broken_row", "row 3": "bad_timestamp", "row 6": "bad_timestamp"}


@pytest.mark.parametrize(
    "text", ["2024-01-01T00:00:00.25Z", "2024-01-01t00:00:00.250z", "2023-12-31 23:00:00.25-01:00"]
)
def test_instants_of_rfc_3339_are_understood(tmp_path: Path, text: str) -> None:
    layer = layers_of(write_network(tmp_path, observations=f"D1,{text},1\n"))["observations"]
    assert layer.frame["phenomenon_at"].tolist() == [pd.Timestamp("2024-01-01T00:00:00.250Z")]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_numbers_come_back_exactly_or_not_at_all(values: list[float]) -> None:
    found = _numbers(pa.chunked_array([[repr(value) for value in values]], type=pa.string()))
    expected = np.array([value if np.isfinite(value) else np.nan for value in values], dtype=float)
    assert np.array_equal(found, expected, equal_nan=True)


@given(st.lists(st.datetimes(min_value=dt.datetime(1900, 1, 1), timezones=st.timezones()), max_size=20))
def test_instants_come_back_exactly(moments: list[dt.datetime]) -> None:
    texts = [m.isoformat() for m in moments if m.utcoffset() % dt.timedelta(minutes=1) == dt.timedelta(0)]
    found = _instants(pa.chunked_array([texts], type=pa.string()))
    # compared as instants: a wall-clock time that a change of hour skips is equal to none in another zone
    assert [stamp.to_pydatetime() for stamp in found] == [dt.datetime.fromisoformat(t) for t in texts]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("S2,b,c,200,48,", "bad_coordinates"),
        ("S2,b,c,2,91,", "bad_coordinates"),
        ("S2,b,c,east,48,", "bad_coordinates"),
        ("S2,b,c,2,,", "bad_coordinates"),
        ("S2,b,c,2,48,high", "bad_elevation"),
    ],
)
def test_a_station_at_fault_is_set_aside(tmp_path: Path, row: str, reason: str) -> None:
    layer = layers_of(write_network(tmp_path, stations=f"S1,a,b,2,48,\n{row}\n"))["stations"]
    assert layer.counts.rejected == {reason: 1}


def test_a_station_without_position_is_left_to_the_normaliser(tmp_path: Path) -> None:
    frame = layers_of(write_network(tmp_path, stations="S1,a,b,,,\n"))["stations"].frame
    assert frame.geometry.tolist() == [None]


def test_a_datastream_of_no_station_is_set_aside(tmp_path: Path) -> None:
    layers = layers_of(write_network(tmp_path, datastreams="D1,S1,h,m,\nD2,S9,h,m,\n"))
    assert layers["datastreams"].counts.rejected == {"unknown_station": 1}


def test_elevations_need_a_vertical_reference(tmp_path: Path) -> None:
    write_network(tmp_path)
    with pytest.raises(MissingHeightReferenceError, match=r"1 stations with an elevation"):
        layers_of(tmp_path, None)
    write_network(tmp_path, stations="S1,a,b,2,48,\n")
    assert str(layers_of(tmp_path, None)["stations"].reference) == "EPSG:4326"


def test_tables_without_rows_are_empty_layers(tmp_path: Path) -> None:
    layers = layers_of(write_network(tmp_path, stations="", datastreams="", observations=""))
    assert [len(layer.frame) for layer in layers.values()] == [0, 0, 0]
    assert str(layers["observations"].frame["phenomenon_at"].dtype) == "datetime64[us, UTC]"


def test_latin_1_is_refused(tmp_path: Path) -> None:
    write_network(tmp_path)
    (tmp_path / "stations.csv").write_bytes((STATIONS + "S1,Écluse,b,2,48,\n").encode("latin-1"))
    with pytest.raises(UnreadableError, match=r"stations\.csv: not a CSV table in UTF-8"):
        layers_of(tmp_path)


def test_a_network_lacking_a_table_is_an_error(tmp_path: Path) -> None:
    write_network(tmp_path)
    (tmp_path / "datastreams.csv").unlink()
    with pytest.raises(SourceError, match=r"lacks datastreams\.csv"):
        layers_of(tmp_path)


def test_units_are_the_tables_and_each_document(tmp_path: Path) -> None:
    write_network(tmp_path)
    (tmp_path / "air.json").write_text("")
    source = SensorsSource.model_validate({"path": tmp_path, **OWNER})
    assert [(unit.name, len(unit.files)) for unit in source.units(None)] == [("air", 1), ("network", 3)]
    with pytest.raises(EmptySourceError):
        SensorsSource.model_validate({"path": tmp_path / "observations.csv", **OWNER}).units(None)


def test_many_observations_stay_vectorised() -> None:
    n = 200_000
    times = pa.array(np.datetime_as_string(np.datetime64("2024-01-01T00:00:00") + np.arange(n), timezone="UTC"))
    table = pa.table({"datastream_id": ["D1"] * n, "phenomenon_at": times, "result": [str(i) for i in range(n)]})

    def never(_: int) -> str:
        raise AssertionError("no record was at fault")

    raw = RawTable(table=table, label=never)
    layer = judged_observations(raw, table["datastream_id"], Provenance(producer="p", licence="l"))
    assert layer.frame["result"].sum() == n * (n - 1) / 2


# --- SensorThings ------------------------------------------------------------------------------------------------


def thing(**changes: Any) -> dict[str, Any]:
    return {
        "@iot.id": 7,
        "name": "Pont Vieux",
        "properties": {"type": "river gauge"},
        "Locations": [{"name": "here", "location": {"type": "Point", "coordinates": [2.35, 48.85, 27.5]}}],
        "Datastreams": [
            {
                "@iot.id": 70,
                "name": "Level",
                "unitOfMeasurement": {"name": "metre", "symbol": "m"},
                "ObservedProperty": {"name": "water_level"},
                "Observations": [
                    {"phenomenonTime": "2024-01-01T00:00:00Z", "result": 1.25},
                    {"phenomenonTime": "2024-01-01T00:00:00Z/2024-01-01T00:10:00Z", "result": 2},
                ],
            }
        ],
        **changes,
    }


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: {"value": [t]}, lambda t: [t]])
def test_an_expanded_thing_gives_three_layers(tmp_path: Path, wrap: Any) -> None:
    layers = layers_of(written(tmp_path / "net.json", wrap(thing())))
    station = layers["stations"].frame.iloc[0]
    assert station.drop("geometry").to_dict() == {
        "station_id": "7",
        "station_name": "Pont Vieux",
        "station_type": "river gauge",
        "elevation_m": 27.5,
    }
    assert layers["datastreams"].frame.to_dict("records") == [
        {
            "datastream_id": "70",
            "station_id": "7",
            "observed_property": "water_level",
            "unit": "m",
            "datastream_name": "Level",
        }
    ]
    # of an interval, the end
    assert layers["observations"].frame["phenomenon_at"].dt.minute.tolist() == [0, 10]
    assert "1 observations over an interval: its end is used" in layers["observations"].provenance.notes


def test_datastreams_that_nest_their_thing_are_read(tmp_path: Path) -> None:
    owner = thing()
    (datastream,) = owner.pop("Datastreams")
    document = {"value": [{**datastream, "Thing": owner}, {**datastream, "@iot.id": 71, "Thing": owner}]}
    layers = layers_of(written(tmp_path / "net.json", document))
    assert [len(layer.frame) for layer in layers.values()] == [1, 2, 4]


def test_a_deep_insert_is_called_by_its_names(tmp_path: Path) -> None:
    document = thing()
    del document["@iot.id"], document["Datastreams"][0]["@iot.id"]
    layers = layers_of(written(tmp_path / "net.json", document))
    assert layers["stations"].frame["station_id"].tolist() == ["Pont Vieux"]
    assert layers["datastreams"].frame["datastream_id"].tolist() == ["Pont Vieux/Level"]
    assert any("without @iot.id" in note for note in layers["stations"].provenance.notes)


@pytest.mark.parametrize("result", ["3.2", True, None, {"a": 1}, [1]])
def test_a_result_that_is_no_json_number_is_set_aside(tmp_path: Path, result: Any) -> None:
    document = thing()
    document["Datastreams"][0]["Observations"] = [{"phenomenonTime": "2024-01-01T00:00:00Z", "result": result}, 4]
    layer = layers_of(written(tmp_path / "net.json", document))["observations"]
    assert layer.counts.rejected == {"bad_result": 1, "bad_timestamp": 1}
    assert layer.rejected["record"].tolist() == ["observation 1", "observation 2"]


def test_further_pages_are_noted(tmp_path: Path) -> None:
    document = {"value": [thing()], "@iot.nextLink": "https://example.org/v1.1/Things?$skip=100"}
    notes = layers_of(written(tmp_path / "net.json", document))["stations"].provenance.notes
    assert any("further pages" in note for note in notes)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"value": []}, EmptySourceError),
        ({"taskingParameters": {}}, UnsupportedError),
        ({"id": "urn:ngsi-ld:X", "type": "Device"}, UnsupportedError),
        ([1, 2], UnsupportedError),
        (3, UnsupportedError),
    ],
)
def test_another_document_is_refused_by_name(tmp_path: Path, document: Any, error: type[JntError]) -> None:
    with pytest.raises(error, match=r"net\.json"):
        layers_of(written(tmp_path / "net.json", document))


def test_a_thing_without_a_point_has_no_place(tmp_path: Path) -> None:
    layers = layers_of(written(tmp_path / "net.json", thing(Locations=[{"location": {"type": "Polygon"}}])))
    assert layers["stations"].frame.geometry.tolist() == [None]
