"""How a table of points is laid out: delimiter, header, and which columns are the coordinates."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyproj

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ConfigError, UnreadableError

__all__ = ["Layout", "layout_of", "not_a_point", "renamed"]

_DEGREES = (("lon", "longitude", "lng", "long", "x_wgs84"), ("lat", "latitude", "y_wgs84"))
_METRES = (
    ("easting", "easting_m", "e", "x_l93", "x_lambert93"),
    ("northing", "northing_m", "n", "y_l93", "y_lambert93"),
)
_PLAIN = (("x", "coordx", "x_m"), ("y", "coordy", "y_m"))
_HEIGHTS = ("z", "h", "height", "height_m", "elevation", "elevation_m", "altitude", "alt", "hauteur", "z_m", "z_ngf")
# What the columns of coordinates are called in French open data and by GNSS software; compared without case.

_COMMA = re.compile(r"^[+-]?\d+,\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The layout of one table."""

    delimiter: str
    """One character; empty for blanks of any number."""
    header: list[str]
    """Names of the columns; empty without a header line."""
    columns: tuple[int, ...]
    """Positions of x, y and, where there is one, the height."""
    width: int
    """Number of fields of the first line: the others have as many."""

    def split(self, line: str) -> list[str]:
        """Fields of a line, quotes taken off; in a table of mere coordinates blanks and ``;`` may be mixed."""
        fields = _split(line, self.delimiter)
        if len(fields) != self.width and not self.header and self.width == len(self.columns):
            mixed = re.split(r"[\s;]+", line.strip())
            return mixed if len(mixed) == self.width else fields
        return fields

    def joined(self, fields: Sequence[str]) -> str:
        """A line of the same layout; fields are quoted where they must be."""
        if not self.delimiter:
            return " ".join(fields)
        plain = self.delimiter.join(fields)
        if '"' not in plain and plain.count(self.delimiter) == len(fields) - 1:
            return plain  # nothing to quote: most lines, and ten times quicker
        text = io.StringIO()
        writer: Any = csv.writer(text, delimiter=self.delimiter, lineterminator="")
        writer.writerow(fields)
        return text.getvalue()

    def numbers(self, fields: Sequence[str]) -> list[float] | None:
        """The coordinates of a line; None where one is absent or no number, or the line has another length."""
        if len(fields) != self.width:
            return None
        values = [_number(fields[column]) for column in self.columns]
        return None if None in values else [value for value in values if value is not None]


def layout_of(
    lines: Iterator[tuple[int, str]], *, columns: Sequence[str], delimiter: str, where: str
) -> tuple[Layout, Iterator[tuple[int, str]]]:
    """The layout, from the first line, and the lines with data.

    Raises ``UnreadableError`` for a first line that is neither header nor point, ``ConfigError`` for columns that are
    not there or not clear.
    """
    first = next(lines, None)
    if first is None:
        return Layout(delimiter=delimiter, header=[], columns=(0, 1), width=2), iter(())
    number, line = first
    line = line.removeprefix("\ufeff")
    mark = delimiter or _delimiter(line)
    fields = _split(line, mark)
    has_header = all(_number(field) is None and not _COMMA.match(field.strip()) for field in fields)
    has_header = has_header or (bool(columns) and not all(name.isdigit() for name in columns))
    header = [field.strip() for field in fields] if has_header else []
    if columns:
        chosen = _asked(columns, header, len(fields), where)
    elif header:
        chosen = _named(header, where)
    elif len(fields) in {2, 3}:
        chosen = tuple(range(len(fields)))
    else:
        layout = Layout(delimiter=mark, header=[], columns=(0, 1), width=len(fields))
        if len(fields) < 2 or any(_COMMA.match(field.strip()) for field in fields) or mark == ",":
            raise not_a_point(layout, number, line, where)
        raise ConfigError(
            "the table has no header, and more columns than coordinates",
            where=where,
            found=f"line {number}: {line[:60]}",
            expected="2 or 3 columns, a header line, or --columns",
            remedy="say which columns are x, y and height, counted from 1: --columns 2,3,4",
        )
    rest = lines if has_header else itertools.chain([(number, line)], lines)
    return Layout(delimiter=mark, header=header, columns=chosen, width=len(fields)), rest


def _delimiter(line: str) -> str:
    return next((mark for mark in (";", "\t", "|", ",") if mark in line and not _is_decimal(line, mark)), "")


def _is_decimal(line: str, mark: str) -> bool:
    """Whether all commas of the line stand inside numbers separated by blanks: ``652760,737 7033791,243``."""
    return mark == "," and len(line.split()) > 1 and all(_COMMA.match(part) for part in line.split())


def _split(line: str, delimiter: str) -> list[str]:
    if not delimiter:
        return line.split()
    if '"' not in line:
        return [field.lstrip(" ") for field in line.split(delimiter)]
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _number(text: str) -> float | None:
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _asked(columns: Sequence[str], header: list[str], n_fields: int, where: str) -> tuple[int, ...]:
    found: list[int] = []
    for name in columns:
        if name in header:
            found.append(header.index(name))
        elif name.isdigit() and 1 <= int(name) <= n_fields:
            found.append(int(name) - 1)
        else:
            raise ConfigError(
                "no such column",
                where=f"{where}, --columns",
                found=name,
                expected=f"one of {', '.join(header)}" if header else f"a number from 1 to {n_fields}",
                remedy="name x, y and, where there is one, the height: --columns x,y,z",
            )
    if len(found) not in {2, 3} or len(set(found)) != len(found):
        raise ConfigError(
            "not two or three different columns",
            where="--columns",
            found=",".join(columns),
            expected="x,y or x,y,height",
            remedy="name x, y and, where there is one, the height",
        )
    return tuple(found)


def _named(header: list[str], where: str) -> tuple[int, ...]:
    lowered = [name.lower() for name in header]
    for first, second in (_DEGREES, _METRES, _PLAIN):
        x = [i for i, name in enumerate(lowered) if name in first]
        y = [i for i, name in enumerate(lowered) if name in second]
        if len(x) == 1 and len(y) == 1:
            heights = [i for i, name in enumerate(lowered) if name in _HEIGHTS]
            if len(heights) > 1:
                break
            return (x[0], y[0], *heights)
    raise ConfigError(
        "the header does not say which columns are the coordinates",
        where=where,
        found=", ".join(header),
        expected="x and y, lon and lat, or easting and northing; z or height at most once",
        remedy=f"name them: --columns {','.join(header[:2])}",
    )


def not_a_point(layout: Layout, number: int, line: str, where: str) -> UnreadableError:
    """The error for a line that holds no coordinates; it knows the comma of French decimals."""
    fields = layout.split(line)
    comma = any(_COMMA.match(field.strip()) for field in [*fields, *line.split()])
    comma = comma or (layout.delimiter == "," and not layout.header and len(fields) in {4, 5, 6})
    remedy = "the decimal mark is a point: replace the decimal commas, with `;` or blanks between the columns"
    return UnreadableError(
        "decimal commas" if comma else "not a point",
        where=f"{where}, line {number}",
        found=line.strip()[:60],
        expected=f"numbers in the columns {', '.join(_names(layout))}: longitude or x first",
        remedy=remedy if comma else "correct the line, or set such lines aside with --set-aside",
    )


def _names(layout: Layout) -> list[str]:
    return [layout.header[i] if layout.header else str(i + 1) for i in layout.columns]


def renamed(layout: Layout, end: Reference) -> tuple[list[str], str]:
    """The header for the target, and a note: a column named ``lon`` must not hold metres."""
    is_degrees = pyproj.CRS(end.horizontal).is_geographic
    header = list(layout.header)
    old = [header[i].lower() for i in layout.columns[:2]]
    lies = (_METRES if is_degrees else _DEGREES)[0]
    if old[0] not in lies:
        return header, ""
    new = ("longitude", "latitude") if is_degrees else ("x", "y")
    said = ", ".join(header[i] for i in layout.columns[:2])
    for column, name in zip(layout.columns, new, strict=False):
        header[column] = name
    return header, f"columns {said} renamed {', '.join(new)}: they hold other quantities now"
