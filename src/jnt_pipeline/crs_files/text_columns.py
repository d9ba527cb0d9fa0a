"""How a table of points is laid out: delimiter, header, and which columns are the coordinates."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

_OF_ONE_SYSTEM = {"x_l93", "y_l93", "x_lambert93", "y_lambert93", "x_wgs84", "y_wgs84"}
# Names that say more than the kind of quantity: they are true in one system alone.

_COMMA = re.compile(r"^[+-]?\d+,\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The layout of one table."""

    delimiter: str
    """One character; empty for blanks of any number."""
    header: list[str]
    """Fields of the header line as they stand there; empty without one."""
    columns: tuple[int, ...]
    """Positions of x, y and, where there is one, the height."""
    width: int
    """Number of fields of the first line: the others have as many."""

    def split(self, line: str) -> list[str]:
        """Fields of a line as they stand there; in a table of mere coordinates blanks and ``;`` may be mixed."""
        fields = _split(line, self.delimiter)
        if len(fields) != self.width and not self.header and self.width == len(self.columns):
            mixed = re.split(r"[\s;]+", line.strip())
            return mixed if len(mixed) == self.width else fields
        return fields

    def joined(self, fields: Sequence[str]) -> str:
        """A line of the same layout."""
        return (self.delimiter or " ").join(fields)

    def names(self) -> list[str]:
        """Names of the columns, quotes and blanks taken off."""
        return [_bare(field) for field in self.header]

    def numbers(self, fields: Sequence[str]) -> list[float] | None:
        """The coordinates of a line; None where one is absent or no number, or the line has another length."""
        if len(fields) != self.width:
            return None
        values = [_number(fields[column]) for column in self.columns]
        return None if None in values else [value for value in values if value is not None]


def layout_of(
    lines: Iterator[tuple[int, str]], *, columns: Sequence[str], delimiter: str, where: str, start: Reference
) -> tuple[Layout, Iterator[tuple[int, str]]]:
    """The layout, from the first line, and the lines with data.

    Where a table has longitude and latitude beside x and y, ``start`` tells which of them are meant.

    Raises ``UnreadableError`` for a first line that is neither header nor point, ``ConfigError`` for columns that are
    not there or not clear.
    """
    first = next(lines, None)
    if first is None:
        return Layout(delimiter=delimiter, header=[], columns=(0, 1), width=2), iter(())
    number, line = first
    mark = delimiter or _delimiter(line)
    fields = _split(line, mark)
    names = [_bare(field) for field in fields]
    has_header = all(_number(name) is None and not _COMMA.match(name) for name in names)
    has_header = has_header or _pair(names, start) is not None
    has_header = has_header or (bool(columns) and not all(name.isdigit() for name in columns))
    header = fields if has_header else []
    if columns:
        chosen = _asked(columns, names if has_header else [], len(fields), where)
    elif header:
        chosen = _named(names, start, where)
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
    """Fields with their quotes and blanks; none where a quote is never closed, as in a record of several lines."""
    if not delimiter:
        return line.split()
    if '"' not in line:
        return line.split(delimiter)
    other = f"[^{re.escape(delimiter)}]*"
    token = re.compile(rf'( *"(?:[^"]|"")*"{other})|{other}')
    fields: list[str] = []
    at = 0
    while at <= len(line):
        match = token.match(line, at)
        assert match is not None  # the second branch takes any text
        if match[1] is None and match[0].lstrip(" ").startswith('"'):
            return []
        fields.append(match[0])
        at = match.end() + 1
    return fields


def _bare(field: str) -> str:
    """The value of a field: blanks around it and quotes taken off."""
    text = field.strip()
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"').strip() if quoted else text


def _number(text: str) -> float | None:
    try:
        return float(_bare(text) if '"' in text else text) if "_" not in text else None
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


def _named(header: list[str], start: Reference, where: str) -> tuple[int, ...]:
    pair = _pair(header, start)
    heights = [i for i, name in enumerate(header) if name.lower() in _HEIGHTS]
    if pair is not None and len(heights) < 2:
        return (*pair, *heights)
    raise ConfigError(
        "the header does not say which columns are the coordinates",
        where=where,
        found=", ".join(header),
        expected="x and y, lon and lat, or easting and northing; z or height at most once",
        remedy="name those of x and y, and of the height if it is to move: --columns X,Y,HEIGHT"
        if pair is None
        else f"say which height: --columns {','.join(header[i] for i in (*pair, heights[0]))}",
    )


def _pair(header: list[str], start: Reference) -> tuple[int, int] | None:
    """Positions of x and y by their names, those of the kind of ``start`` first; None where none or several fit."""
    lowered = [name.lower() for name in header]
    is_degrees = pyproj.CRS(start.horizontal).is_geographic
    for first, second in (_DEGREES, _METRES, _PLAIN) if is_degrees else (_METRES, _PLAIN, _DEGREES):
        x = [i for i, name in enumerate(lowered) if name in first]
        y = [i for i, name in enumerate(lowered) if name in second]
        if len(x) == 1 and len(y) == 1:
            return x[0], y[0]
    return None


def not_a_point(layout: Layout, number: int, line: str, where: str) -> UnreadableError:
    """The error for a line that holds no coordinates; it knows the comma of French decimals."""
    fields = layout.split(line)
    comma = any(_COMMA.match(_bare(field)) for field in [*fields, *line.split()])
    comma = comma or (layout.delimiter == "," and not layout.header and len(fields) in {4, 5, 6})
    comma = comma or (layout.delimiter == "," and len(fields) == 2 * layout.width)
    remedy = "the decimal mark is a point: replace the decimal commas, with `;` or blanks between the columns"
    return UnreadableError(
        "decimal commas" if comma else "not a point",
        where=f"{where}, line {number}",
        found=line.strip()[:60],
        expected=f"numbers in the columns {', '.join(_names(layout))}: longitude or x first",
        remedy=remedy if comma else "correct the line, or set such lines aside with --set-aside",
    )


def _names(layout: Layout) -> list[str]:
    names = layout.names()
    return [names[i] if names else str(i + 1) for i in layout.columns]


def renamed(layout: Layout, start: Reference, end: Reference) -> tuple[list[str], str]:
    """The header for the target, and a note: no column may hold another quantity than its name says.

    ``lon`` does not hold metres, ``x_l93`` no conic conformal zone, ``z_ngf`` no ellipsoidal height, ``altitude`` no
    geocentric Z.
    """
    crs = pyproj.CRS(end.horizontal)
    names, header = layout.names(), list(layout.header)
    old = [names[i].lower() for i in layout.columns]
    new = ["longitude", "latitude"] if crs.is_geographic else ["x", "y"]
    lies = {*_METRES[0], *_METRES[1]} if crs.is_geographic else {*_DEGREES[0], *_DEGREES[1]}
    if crs.is_geocentric:
        lies |= {*_METRES[0], *_METRES[1]}
    if start.horizontal != end.horizontal:
        lies |= _OF_ONE_SYSTEM
    changes = dict(zip(layout.columns[:2], new, strict=False)) if lies.intersection(old[:2]) else {}
    if len(old) == 3 and (
        (crs.is_geocentric and old[2] != "z") or (old[2] == "z_ngf" and start.vertical != end.vertical)
    ):
        changes[layout.columns[2]] = "z"
    if not changes:
        return header, ""
    others = {name.lower() for i, name in enumerate(names) if i not in changes}
    for column, name in changes.items():
        header[column] = f"{name}_{end.horizontal.replace(':', '').lower()}" if name in others else name
    said, now = ", ".join(names[i] for i in changes), ", ".join(header[i] for i in changes)
    return header, f"columns {said} renamed {now}: they hold other quantities now"
