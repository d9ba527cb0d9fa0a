"""Points in text (CSV, columns, standard input) moved to another reference, all other columns kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import pyproj
from numpy.typing import NDArray

from jnt_pipeline.crs.refusals import refused_records
from jnt_pipeline.crs.systems import canonical
from jnt_pipeline.crs.transform import Transformation, transformation
from jnt_pipeline.crs_files.moved import Moved, Refused, agreed_reference, detail_of, reason_of
from jnt_pipeline.crs_files.text_columns import Layout, layout_of, not_a_point, renamed
from jnt_pipeline.provenance import Counts

__all__ = ["move_text"]

_BLOCK = 100_000
"""Lines transformed at once."""


@dataclass(slots=True)
class _Tally:
    """What has been seen so far."""

    read: int
    kept: int
    refused: list[Refused]


def move_text(
    source: str,
    target: str,
    lines: Iterable[str],
    out: TextIO,
    *,
    where: str,
    columns: Sequence[str] = (),
    delimiter: str = "",
    set_aside: bool = False,
) -> Moved:
    """Copy a table of points, its coordinates transformed.

    Blank lines and lines that begin with ``#`` are left out. Coordinates are written with 4 decimals (metres) or 10
    (degrees, 0.01 mm); the other columns come out as they were.

    Parameters
    ----------
    lines
        With or without a header line.
    columns
        Names, or numbers from 1, of x, y and height; empty: found by their names, else the first two or three.
    delimiter
        One character; empty: found in the first line.
    set_aside
        Leave out lines that are no points or cannot be transformed truthfully, and return them.

    Raises ``UnreadableError`` naming the line that is no point, ``ConfigError`` for columns that are not there,
    ``CrsError`` as ``crs.transform``.
    """
    reference, notes = agreed_reference(source, None, where)
    end = canonical(target)
    change = transformation(reference, end)
    numbered = ((number, _plain(number, line)) for number, line in enumerate(lines, 1))
    sound = ((number, line) for number, line in numbered if line.strip() and not line.lstrip().startswith("#"))
    layout, rest = layout_of(sound, columns=columns, delimiter=delimiter, where=where, start=reference)
    tally = _Tally(read=0, kept=0, refused=[])
    if layout.header:
        header, note = renamed(layout, reference, end)
        notes = (*notes, note) if note else notes
        out.write(layout.joined(_without(header, _lost_column(layout, change))) + "\n")
    digits = _digits(end.horizontal)
    for block in _blocks(rest):
        _move_block(block, change, layout, out, digits, tally, where=where, set_aside=set_aside)
    reasons: dict[str, int] = {}
    for one in tally.refused:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    return Moved(
        operation=change.operation,
        counts=Counts(read=tally.read, kept=tally.kept, rejected=reasons),
        notes=notes,
        refused=tuple(sorted(tally.refused, key=lambda one: int(one.record.split()[1]))),
    )


def _move_block(
    block: list[tuple[int, str]],
    change: Transformation,
    layout: Layout,
    out: TextIO,
    digits: tuple[int, int],
    tally: _Tally,
    *,
    where: str,
    set_aside: bool,
) -> None:
    rows: list[list[str]] = []
    numbers: list[list[float]] = []
    origin: list[tuple[int, str]] = []
    tally.read += len(block)
    for number, line in block:
        fields = layout.split(line)
        values = layout.numbers(fields)
        if values is None:
            error = not_a_point(layout, number, line, where)
            if not set_aside:
                raise error
            tally.refused.append(
                Refused(record=f"line {number}", reason="not_a_point", detail=error.what, content=line)
            )
            continue
        rows.append(fields)
        numbers.append(values)
        origin.append((number, line))
    points = np.array(numbers, dtype=np.float64).reshape(len(numbers), len(layout.columns))
    if set_aside:
        refused = refused_records(change, points, np.arange(len(points)))
        for index, refusal in refused.items():
            number, line = origin[index]
            tally.refused.append(
                Refused(record=f"line {number}", reason=reason_of(refusal), detail=detail_of(refusal), content=line)
            )
        kept = [index for index in range(len(points)) if index not in refused]
        rows, points = [rows[index] for index in kept], points[kept]
    moved, lost = change.apply(points), _lost_column(layout, change)
    for fields, texts in zip(rows, _texts(moved, digits), strict=True):
        for column, text in zip(layout.columns, texts, strict=False):
            fields[column] = text
        out.write(layout.joined(_without(fields, lost)) + "\n")
    tally.kept += len(rows)


def _texts(moved: NDArray[np.float64], digits: tuple[int, int]) -> Iterator[list[str]]:
    plane, height = digits
    for row in moved.tolist():
        yield [f"{value + 0.0:.{plane if i < 2 else height}f}" for i, value in enumerate(row)]


def _lost_column(layout: Layout, change: Transformation) -> int | None:
    """Position of the third coordinate where the target has none (geocentric to plane): it is left out."""
    n_out = change.apply(np.empty((0, len(layout.columns)))).shape[1]
    return layout.columns[2] if n_out < len(layout.columns) else None


def _without(fields: list[str], column: int | None) -> list[str]:
    return fields if column is None else [*fields[:column], *fields[column + 1 :]]


def _plain(number: int, line: str) -> str:
    """A line without its end; the first without the mark of UTF-8 that spreadsheets set before it."""
    return (line.removeprefix("\ufeff") if number == 1 else line).rstrip("\r\n")


def _digits(horizontal: str) -> tuple[int, int]:
    return (10, 4) if pyproj.CRS(horizontal).is_geographic else (4, 4)


def _blocks(lines: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    for line in lines:
        block.append(line)
        if len(block) == _BLOCK:
            yield block
            block = []
    if block:
        yield block
