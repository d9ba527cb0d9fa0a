from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.sources.column_values import as_date, as_text, of_kind
from jnt_pipeline.sources.mapping import Field, Head, Joined, Mapping, near_names


def schema_of(*columns: Column, key: str = "", keeps: bool = False) -> LayerSchema:
    return LayerSchema(name="things", title="Things", key=key, shape="any", columns=columns, keeps_other_columns=keeps)


def mapped(batch: dict[str, Any], field: Field, kind: Any = "text") -> tuple[list[Any], list[str]]:
    """The values that one field makes, and the reason codes of the records set aside."""
    mapping = Mapping(schema=schema_of(Column(field.to, kind, "")), fields=(field,))
    table, rejected = mapping(pa.record_batch(batch), 0)
    return table.column(field.to).to_pylist(), [reason for _, reason, _ in rejected]


# --- where values come from --------------------------------------------------------------------------------------


def test_the_first_origin_with_a_value_counts_record_by_record() -> None:
    values, _ = mapped({"NEW": ["a", None, " "], "old": ["x", "y", None]}, Field(to="v", origins=("new", "OLD")))
    assert values == ["a", "y", None]


def test_an_origin_that_is_no_column_is_passed_over_and_told_by_name() -> None:
    field = Field(to="v", origins=("height", "hauteur"))
    mapping = Mapping(schema=schema_of(Column("v", "text", "")), fields=(field,))
    assert mapping.absent(["HAUTEUR"]) == ()
    assert mapping.absent(["usage"]) == (field,)


def test_the_head_of_an_id_is_its_commune() -> None:
    values, _ = mapped({"commune": [None, "38002"], "id": ["38001000AB0012"] * 2}, Field(to="v", origins=("commune", Head("id", 5))))  # fmt: skip  # noqa: E501
    assert values == ["38001", "38002"]


def test_parts_are_joined_numbers_padded_and_texts_never() -> None:
    field = Field(to="v", origins=(Joined((("commune", 0), ("section", 2), ("feuille", 2))),))
    values, _ = mapped(
        {"commune": ["38001", "38001", None], "section": ["AB", "A", "AB"], "feuille": [1, 12, 1]}, field
    )
    assert values == ["38001AB01", "38001A12", None]  # a stripped section stays short: a pattern refuses it


def test_a_constant_fills_what_the_file_leaves_empty() -> None:
    assert mapped({"a": ["x", None]}, Field(to="v", origins=("a",), constant="?"))[0] == ["x", "?"]
    assert mapped({"a": [1, 2]}, Field(to="v", constant="LOCALISANT"))[0] == ["LOCALISANT"] * 2


def test_codes_become_words_and_unknown_ones_stay() -> None:
    field = Field(to="v", origins=("type",), codes=(("01", "durable"), ("02", "light")))
    assert mapped({"type": ["01", "07", None]}, field)[0] == ["durable", "07", None]


def test_lists_of_ids_are_joined_with_a_bar() -> None:
    field = Field(to="v", origins=("ids",), separators="[/|,; ]")
    assert mapped({"ids": ["4/5/30", "A, B", "7XD2T56XMD3T", "/", None]}, field)[0] == [
        "4|5|30",
        "A|B",
        "7XD2T56XMD3T",
        None,
        None,
    ]


# --- what cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "field", "values", "kept"),
    [
        ("integer", {}, ["12", "12.0", "1e2", "x", None, "1.5"], [12, 12, None]),
        ("number", {}, ["1,5", "-2", "3.", "vaste", None], [1.5, -2.0, 3.0, None]),
        ("number", {"minimum": 0.0}, [1.0, -0.5, float("nan"), float("inf")], [1.0, None]),
        ("boolean", {}, ["Oui", "non", "TRUE", "0", "perhaps", None], [True, False, True, False, None]),
        ("text", {"pattern": r"\d{5}"}, ["38001", "3800", None, 38001, "380011"], ["38001", None, "38001"]),
        ("instant", {}, ["2026-02-10T06:00:00Z", "2026-02-10", "2026-02-30T06:00:00Z", None],
         [dt.datetime(2026, 2, 10, 6, tzinfo=dt.UTC), None]),
        ("integers", {}, ["1,2", None], [None]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_set_aside_and_the_rest_is_typed(
    kind: str, field: dict[str, Any], values: list[Any], kept: list[Any]
) -> None:
    texts = [None if value is None else str(value) for value in values] if kind == "text" else values
    found, reasons = mapped({"a": pa.array(texts)}, Field(to="v", origins=("a",), **field), kind)
    assert found == kept
    assert reasons == ["bad_v"] * (len(values) - len(kept))


def test_a_rejection_names_the_key_or_the_place_the_value_and_what_was_expected() -> None:
    schema = schema_of(Column("k", "text", ""), Column("h", "number", ""), key="k")
    mapping = Mapping(
        schema=schema, fields=(Field(to="k", origins=("k",)), Field(to="h", origins=("h",), reason="bad_h"))
    )
    _, rejected = mapping(pa.record_batch({"k": ["A", None], "h": ["tall", "low"]}), 40)
    assert rejected == (
        ("A", "bad_h", "h 'tall' is not a number"),
        ("feature 41", "bad_h", "h 'low' is not a number"),
    )


def test_a_record_is_set_aside_once_for_the_first_fault() -> None:
    schema = schema_of(Column("a", "integer", ""), Column("b", "integer", ""))
    mapping = Mapping(schema=schema, fields=(Field(to="a", origins=("a",)), Field(to="b", origins=("b",))))
    table, rejected = mapping(pa.record_batch({"a": ["x"], "b": ["y"]}), 0)
    assert (table.num_rows, [reason for _, reason, _ in rejected]) == (0, ["bad_a"])


def test_units_are_brought_to_those_of_the_schema_and_nodata_to_nothing() -> None:
    field = Field(to="v", origins=("h",), factor=0.01, nothing=(-1000.0,))
    assert mapped({"h": [250.0, -1000.0, None]}, field, "number")[0] == [2.5, None, None]


# --- what stays --------------------------------------------------------------------------------------------------


def test_other_columns_stay_under_their_names_where_the_schema_keeps_them() -> None:
    schema = schema_of(Column("k", "text", ""), Column("state", "text", ""), key="k", keeps=True)
    mapping = Mapping(schema=schema, fields=(Field(to="k", origins=("ID",)),))
    batch = pa.record_batch({"id": ["A"], "Usage": ["x"], "state": ["y"], "geometry": pa.array([b"w"])})
    table, _ = mapping(batch, 0)
    assert table.to_pylist() == [{"k": "A", "state": None, "Usage": "x", "state_of_source": "y", "geometry": b"w"}]


def test_columns_that_no_field_names_are_empty_and_of_their_kind() -> None:
    mapping = Mapping(schema=schema_of(Column("a", "integer", ""), Column("area_m2", "number", "")), fields=())
    table, _ = mapping(pa.record_batch({"x": [1, 2]}), 0)
    assert table.schema.names == ["a", "geometry"]  # the normaliser measures area_m2
    assert table.schema.field("a").type == pa.int64()
    assert table.column("a").null_count == 2


def test_an_empty_batch_gives_an_empty_table() -> None:
    fields = (Field(to="v", origins=("a",), pattern="x"), Field(to="v", origins=("b",)))
    mapping = Mapping(schema=schema_of(Column("v", "text", "")), fields=fields[:1])
    table, rejected = mapping(pa.record_batch({"a": pa.array([], pa.string())}), 0)
    assert (table.num_rows, rejected) == (0, ())


# --- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2019-02-25", "2019-02-25"),
        ("2019/01/24 09:59:60", "2019-01-24"),  # a leap second that was none, in real files
        ("2011-04-13 13:09:40", "2011-04-13"),
        ("20190225", "2019-02-25"),
        ("25/02/2019", "2019-02-25"),
        ("Absent", None),  # EDIGÉO, for a day that nobody knows
        ("", None),
        ("hier", "hier"),
    ],
)
def test_days_of_every_form_are_written_one_way(text: str, day: str | None) -> None:
    assert as_date(pa.array([text])).to_pylist() == [day]


def test_days_and_instants_of_the_file_are_days_too() -> None:
    assert as_date(pa.array([dt.date(1840, 1, 1), None])).to_pylist() == ["1840-01-01", None]
    assert as_date(pa.array([dt.datetime(2020, 1, 13, 19, 4, 16)])).to_pylist() == ["2020-01-13"]


def test_numbers_as_text_have_no_decimals_that_say_nothing() -> None:
    assert as_text(pa.array([1004.0, 2.5, float("nan"), None])).to_pylist() == ["1004", "2.5", None, None]
    assert as_text(pa.array([True])).to_pylist() == ["true"]
    assert as_text(pa.array(["  BEAUFORT   "])).to_pylist() == ["BEAUFORT"]
    assert as_text(pa.nulls(2)).to_pylist() == [None, None]


def test_whole_numbers_keep_their_digits() -> None:
    judged = of_kind(pa.array([123456789012, None]), "integer")
    assert judged.values.to_pylist() == [123456789012, None]


def test_a_near_name_is_suggested() -> None:
    assert near_names("hautuer", ["USAGE", "HAUTEUR"]) == "USAGE, HAUTEUR (did you mean HAUTEUR?)"
    assert near_names("zzz", ["USAGE"]) == "USAGE"
    assert near_names("a", []) == "no column"
