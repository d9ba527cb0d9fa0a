"""From the columns of a producer to those of a schema: what to take, in which form, and which records cannot follow.

A ``Mapping`` is a value (*table de correspondance*): the sources state one per layer and producer, users write theirs
in YAML. It works on Arrow batches of any size, a whole column at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.streams import GEOMETRY
from jnt_pipeline.sources.column_values import Judged, as_date, as_text, is_day, of_kind

__all__ = ["Field", "Head", "Joined", "Mapping", "Rejection", "near_names"]

Rejection = tuple[str, str, str]
"""Record, reason code, sentence."""

_ARROW = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("us", "UTC"),
    "integers": pa.list_(pa.int64()),
}


@dataclass(frozen=True, slots=True)
class Head:
    """The first ``length`` characters of a column: the commune of a parcel's id."""

    name: str
    length: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Several columns written one after the other, nothing where one of them is missing."""

    parts: tuple[tuple[str, int], ...]
    """Column and width: a number is padded with zeros up to it, a text stays as it is."""
    separator: str = ""


Origin = str | Head | Joined
"""Where a value comes from; a text is the name of a column, in upper or lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one column of the schema is made."""

    to: str
    """Name of the column in the schema."""
    origins: tuple[Origin, ...] = ()
    """Where its value comes from: the first that has one, record by record."""
    constant: str | int | float | bool | None = None
    """Value of all records that have none from the origins."""
    codes: tuple[tuple[str, str], ...] = ()
    """Code of the producer → word of the schema; another code stays as it is written."""
    separators: str = ""
    """Regular expression of what separates the ids of a list: they come out joined with ``|``."""
    is_date: bool = False
    """Whether it is a day: YYYY-MM-DD comes out, from that form, YYYYMMDD, DD/MM/YYYY or an instant."""
    must_be_day: bool = False
    """Whether a record whose date is no day is set aside; else its text stays as the producer wrote it."""
    factor: float = 1.0
    """By which a number is multiplied: the unit of the file in that of the schema."""
    nothing: tuple[float, ...] = ()
    """Numbers that stand for an unknown value."""
    minimum: float | None = None
    """Least number that is possible."""
    pattern: str = ""
    """Regular expression (RE2) that the whole value, as text, must match."""
    reason: str = ""
    """Reason code of a value that cannot be read; ``bad_<to>`` without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """From the batches of one producer's layer to those of a schema; columns that no field names stay empty."""

    schema: LayerSchema
    fields: tuple[Field, ...]
    drops: frozenset[str] = field(default_factory=frozenset)
    """Columns of the producer, in lower case, that are not kept even where the schema keeps others."""
    is_named_by_place: bool = False
    """Whether the id is made from the geometry afterwards: records without one are set aside, ``missing_geometry``."""

    def __call__(self, batch: pa.RecordBatch, first_record: int) -> tuple[pa.RecordBatch, tuple[Rejection, ...]]:
        """The batch in the columns of the schema, and the records that could not be read.

        ``batch`` has any columns, its geometry as WKB in ``geometry``; ``first_record`` is the position of its first
        record, which names records without a key: ``feature 12``.
        """
        table, faults = self.judged(batch)
        if not faults:
            return table, ()
        names = self.names(table, first_record)
        keep = np.ones(len(table), dtype=bool)
        keep[list(faults)] = False
        return table.filter(pa.array(keep)), tuple((names(i), *fault) for i, fault in sorted(faults.items()))

    def judged(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[int, tuple[str, str]]]:
        """All records in the columns of the schema; position → reason and sentence of those that are not readable.

        A value that cannot be read is empty in the table, but for text, which stays as it is.
        """
        places = _places(batch.schema.names)
        faults: dict[int, tuple[str, str]] = {}
        made = {one.to: self._made(one, batch, places, faults) for one in self.fields}
        arrays, names = [], []
        for column in self.schema.columns:
            if column.name != "area_m2":
                nulls = pa.nulls(len(batch), _ARROW[column.kind])
                arrays.append(made.get(column.name, nulls))
                names.append(column.name)
        for name in self.others(batch.schema.names) if self.schema.keeps_other_columns else ():
            arrays.append(batch.column(places[name.casefold()]))
            names.append(f"{name}_of_source" if name in self.schema.column_names else name)
        shapes = batch.column(places[GEOMETRY]) if GEOMETRY in places else pa.nulls(len(batch), pa.binary())
        if self.is_named_by_place:
            for row in np.flatnonzero(pc.is_null(shapes).to_numpy(zero_copy_only=False)):
                faults.setdefault(
                    int(row), ("missing_geometry", "a record without geometry has no place to name it by")
                )
        return pa.RecordBatch.from_arrays([*arrays, shapes.cast(pa.binary())], [*names, GEOMETRY]), faults

    def names(self, table: pa.RecordBatch, first_record: int) -> _Names:
        """What the records of ``table``, as ``judged`` returns it, are called."""
        return _Names(table.column(self.schema.key) if self.schema.key else None, first_record)

    def absent(self, names: Iterable[str]) -> tuple[Field, ...]:
        """The fields none of whose origins is among the columns ``names``, though they name some."""
        places = _places(names)
        return tuple(
            one for one in self.fields if one.origins and not any(_is_there(origin, places) for origin in one.origins)
        )

    def others(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns that no field takes whole, in their order; the geometry is none of them."""
        places = _places(names)
        taken = {name.casefold() for one in self.fields for name in one.origins if isinstance(name, str)}
        return tuple(
            name
            for i, name in enumerate(names)
            if name.casefold() not in {*taken, *self.drops, GEOMETRY} and places[name.casefold()] == i
        )

    def _made(
        self, one: Field, batch: pa.RecordBatch, places: dict[str, int], faults: dict[int, tuple[str, str]]
    ) -> pa.Array:
        column = next(c for c in self.schema.columns if c.name == one.to)
        found = [_value(origin, batch, places) for origin in one.origins if _is_there(origin, places)]
        if not found:
            return _constant(one, column, len(batch))
        raw = found[0]
        if len(found) > 1:
            raw = pc.coalesce(*(as_text(value) for value in found))
        judged = _read(raw, one, column)
        if judged.bad is not None:
            _note(judged.bad, raw, one, judged.expected, faults)
        if one.constant is None:
            return judged.values
        return pc.coalesce(judged.values, _constant(one, column, len(batch)))


@dataclass(frozen=True, slots=True)
class _Names:
    keys: pa.Array | None
    first_record: int

    def __call__(self, position: int) -> str:
        key = None if self.keys is None else self.keys[position].as_py()
        return f"feature {self.first_record + position}" if key is None else str(key)


def near_names(name: str, names: Sequence[str]) -> str:
    """The columns that exist, after the one that ``name`` may have meant: for messages."""
    every = ", ".join(names) or "no column"
    by_lower = {one.casefold(): one for one in names}
    near = difflib.get_close_matches(name.casefold(), list(by_lower), n=1, cutoff=0.6)
    return f"{every} (did you mean {by_lower[near[0]]}?)" if near else every


def _places(names: Iterable[str]) -> dict[str, int]:
    """Position of each column by its name in lower case; the first of two that differ in case alone."""
    places: dict[str, int] = {}
    for i, name in enumerate(names):
        places.setdefault(name.casefold(), i)
    return places


def _is_there(origin: Origin, places: dict[str, int]) -> bool:
    wanted = [part for part, _ in origin.parts] if isinstance(origin, Joined) else [_name(origin)]
    return all(name.casefold() in places for name in wanted)


def _name(origin: str | Head) -> str:
    return origin.name if isinstance(origin, Head) else origin


def _value(origin: Origin, batch: pa.RecordBatch, places: dict[str, int]) -> pa.Array:
    if isinstance(origin, Joined):
        parts = []
        for name, width in origin.parts:
            value = batch.column(places[name.casefold()])
            text = as_text(value)
            parts.append(pc.utf8_lpad(text, width, "0") if width and not pa.types.is_string(value.type) else text)
        return pc.binary_join_element_wise(*parts, origin.separator)
    value = batch.column(places[_name(origin).casefold()])
    return pc.utf8_slice_codeunits(as_text(value), 0, origin.length) if isinstance(origin, Head) else value


def _constant(one: Field, column: Column, n: int) -> pa.Array:
    if one.constant is None:
        return pa.nulls(n, _ARROW[column.kind])
    return pa.array(np.full(n, one.constant)).cast(_ARROW[column.kind])


def _read(raw: pa.Array, one: Field, column: Column) -> Judged:
    if column.kind != "text":
        judged = of_kind(raw, column.kind, factor=one.factor, nothing=one.nothing, minimum=one.minimum)
        if not one.pattern:
            return judged
        strange = pc.invert(pc.match_substring_regex(as_text(raw), f"^(?:{one.pattern})$"))
        bad = strange if judged.bad is None else pc.or_kleene(judged.bad, strange)
        return Judged(values=judged.values, bad=bad, expected=judged.expected or f"of the form {one.pattern}")
    values = as_date(raw) if one.is_date else as_text(raw)
    if one.separators:
        values = as_text(pc.utf8_trim(pc.replace_substring_regex(values, rf"\s*(?:{one.separators})\s*", "|"), "|"))
    if one.codes:
        positions = pc.index_in(values, pa.array([code for code, _ in one.codes]))
        values = pc.coalesce(pc.take(pa.array([word for _, word in one.codes]), positions), values)
    if one.must_be_day:
        return Judged(values=values, bad=pc.invert(is_day(values)), expected="a day (YYYY-MM-DD)")
    if not one.pattern:
        return Judged(values=values)
    bad = pc.invert(pc.match_substring_regex(values, f"^(?:{one.pattern})$"))
    return Judged(values=values, bad=bad, expected=f"of the form {one.pattern}")


def _note(bad: pa.Array, raw: pa.Array, one: Field, expected: str, faults: dict[int, tuple[str, str]]) -> None:
    rows: NDArray[np.intp] = np.flatnonzero(pc.fill_null(bad, fill_value=False).to_numpy(zero_copy_only=False))
    told = next((origin for origin in one.origins if isinstance(origin, str)), one.to)
    for row in rows:
        value = raw[int(row)].as_py()
        faults.setdefault(int(row), (one.reason or f"bad_{one.to}", f"{told} {value!r} is not {expected}"))
