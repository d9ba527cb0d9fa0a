"""Values of a producer's column as text, numbers, truth, days or instants, a whole Arrow column at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jnt_pipeline.base_layers.columns import Kind

__all__ = ["Judged", "as_date", "as_text", "is_day", "of_kind"]

_NUMBER = r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d{1,15}([.,]0*)?$"
_INSTANT = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$"
_TRUE = pa.array(["true", "t", "1", "oui", "yes", "vrai"])
_FALSE = pa.array(["false", "f", "0", "non", "no", "faux"])
_LARGEST_WHOLE = 2.0**53  # beyond, floats skip integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Values, and which of them could not be read."""

    values: pa.Array
    bad: pa.Array | None = None
    """Boolean; null counts as readable."""
    expected: str = ""
    """What a readable value is, as the end of a sentence."""


def as_text(values: pa.Array) -> pa.Array:
    """Text, blanks trimmed, nothing where nothing remains; whole numbers without decimals; days as YYYY-MM-DD."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string())
    if pa.types.is_floating(kind):
        text = _digits(values.cast(pa.float64()))
    elif pa.types.is_timestamp(kind):
        text = pc.strftime(values.cast(pa.timestamp("s", kind.tz), safe=False), "%Y-%m-%dT%H:%M:%S")
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        text = pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
    else:
        text = values.cast(pa.string())
    text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def as_date(values: pa.Array) -> pa.Array:
    """Days as YYYY-MM-DD, from that form, YYYY/MM/DD, YYYYMMDD, DD/MM/YYYY, or an instant; another text stays as it is.

    ``Absent``, which EDIGÉO writes for a day that nobody knows, gives nothing.
    """
    text = as_text(values)
    text = pc.replace_substring_regex(text, r"^(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ].*)?$", r"\1-\2-\3")
    text = pc.replace_substring_regex(text, r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3")
    text = pc.replace_substring_regex(text, r"^(\d\d)/(\d\d)/(\d{4})$", r"\3-\2-\1")
    return pc.if_else(pc.equal(pc.utf8_lower(text), "absent"), pa.scalar(None, pa.string()), text)


def is_day(days: pa.Array) -> pa.Array:
    """Whether each text is a day of the calendar, as :func:`as_date` writes it; null for null."""
    return pa.array([None if text is None else _is_day(text) for text in days.to_pylist()], pa.bool_())


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def of_kind(
    values: pa.Array,
    kind: Kind,
    *,
    factor: float = 1.0,
    nothing: tuple[float, ...] = (),
    minimum: float | None = None,
) -> Judged:
    """Values of a kind that is not text; null where they could not be read.

    Parameters: ``factor`` multiplies numbers, after those of ``nothing`` have become null; numbers below ``minimum``
    cannot be read.
    """
    if kind == "boolean":
        return _truth(values)
    if kind == "instant":
        return _instants(values)
    if kind == "integers":
        return _whole_lists(values)
    judged = _numbers(values, whole=kind == "integer")
    numbers, bad = judged.values, judged.bad
    for number in nothing:
        numbers = pc.if_else(pc.equal(numbers, number), pa.scalar(None, pa.float64()), numbers)
    numbers = numbers if factor == 1.0 else pc.multiply(numbers, factor)
    expected = judged.expected
    if minimum is not None:
        low = pc.fill_null(pc.less(numbers, minimum), fill_value=False)
        bad, expected = pc.or_kleene(bad, low), f"{expected}, {minimum:g} or more"
        numbers = pc.if_else(low, pa.scalar(None, pa.float64()), numbers)
    typed = pc.round(numbers).cast(pa.int64()) if kind == "integer" else numbers
    return Judged(values=typed, bad=bad, expected=expected)


def _digits(numbers: pa.Array) -> pa.Array:
    """Shortest text of floats: 12 for 12.0; nothing for NaN."""
    numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    whole = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), _LARGEST_WHOLE))
    digits = pc.if_else(whole, numbers, 0.0).cast(pa.int64()).cast(pa.string())
    return pc.if_else(whole, digits, numbers.cast(pa.string()))


def _numbers(values: pa.Array, *, whole: bool) -> Judged:
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64(), safe=False)
        numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
        bad = pc.invert(pc.is_finite(numbers))
        if whole:
            bad = pc.or_kleene(bad, pc.not_equal(numbers, pc.floor(numbers)))
    else:
        text = as_text(values)
        readable = pc.match_substring_regex(text, _WHOLE if whole else _NUMBER)
        bad = pc.invert(readable)
        number = pc.replace_substring(pc.replace_substring_regex(text, r"^\+", ""), ",", ".")
        number = pc.replace_substring_regex(number, r"\.$", "")
        numbers = pc.if_else(readable, number, pa.scalar(None, pa.string())).cast(pa.float64())
    numbers = pc.if_else(pc.fill_null(bad, fill_value=False), pa.scalar(None, pa.float64()), numbers)
    return Judged(values=numbers, bad=bad, expected="a whole number" if whole else "a number")


def _truth(values: pa.Array) -> Judged:
    if pa.types.is_boolean(values.type):
        return Judged(values=values)
    text = pc.utf8_lower(as_text(values))
    true, false = pc.is_in(text, _TRUE), pc.is_in(text, _FALSE)
    truth = pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))
    return Judged(
        values=truth, bad=pc.and_(pc.is_null(truth), pc.is_valid(text)), expected="true or false (oui or non)"
    )


def _instants(values: pa.Array) -> Judged:
    """UTC; a text must state its offset, a timestamp of the file its zone."""
    expected = "an instant with its offset, such as 2026-02-10T06:00:00Z"
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        return Judged(values=values.cast(pa.timestamp("us", "UTC"), safe=False))
    text = as_text(values)
    readable = pc.match_substring_regex(text, _INSTANT)
    found = pc.if_else(readable, text, pa.scalar(None, pa.string())).to_pylist()
    instants = [None if one is None else _instant(one) for one in found]
    bad = pa.array([one is not None for one in text.to_pylist()]) if len(text) else pa.array([], pa.bool_())
    typed = pa.array(instants, pa.timestamp("us", "UTC"))
    return Judged(values=typed, bad=pc.and_(bad, pc.is_null(typed)), expected=expected)


def _instant(text: str) -> object:
    from datetime import UTC, datetime

    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:  # 31 February, a second 60
        return None


def _whole_lists(values: pa.Array) -> Judged:
    if pa.types.is_list(values.type) and pa.types.is_integer(values.type.value_type):
        return Judged(values=values.cast(pa.list_(pa.int64())))
    bad = pc.is_valid(values) if not pa.types.is_null(values.type) else pa.array(np.zeros(len(values), dtype=bool))
    return Judged(values=pa.nulls(len(values), pa.list_(pa.int64())), bad=bad, expected="a list of whole numbers")
