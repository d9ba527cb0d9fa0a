"""Delimited text tables (CSV) as producers write them: any separator, UTF-8 or Windows-1252, every value as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
from numpy.typing import NDArray

from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.files import read_bytes

__all__ = ["TextTable", "header_of", "read_text_table", "trimmed"]

_BOM = b"\xef\xbb\xbf"
_SEPARATORS = (";", ",", "\t", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """The rows of one file."""

    table: pa.Table
    """Columns under the names of the header, trimmed; values are text without blanks around it, null where empty."""
    rows: NDArray[np.int64]
    """Row of the file that each record stands in (the header is row 1)."""
    broken: tuple[tuple[str, str, str], ...]
    """Rows with too few or too many values: record, ``broken_row``, sentence."""
    encoding: str
    """``utf-8``, or ``windows-1252`` where the bytes are no UTF-8."""


def header_of(content: bytes, path: Path) -> tuple[str, list[str]]:
    """Separator (the likeliest of ``;`` ``,`` tab ``|``) and column names of a table. Raises ``UnreadableError``."""
    first = content.removeprefix(_BOM).split(b"\n", 1)[0]
    if b"\x00" in first:
        raise _unreadable(path, "NUL bytes in the first line")
    header = first.decode(_encoding(first, path)).strip("\r\n")
    separator = max(_SEPARATORS, key=header.count)
    names = [name.strip().strip('"').strip() for name in header.split(separator)] if header.strip() else []
    return separator, names


def read_text_table(path: Path) -> TextTable:
    """Read a table whole (gzip or not). Raises ``UnreadableError`` when it is none, or names a column twice."""
    content = read_bytes(path)
    separator, names = header_of(content, path)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not names or repeated:
        raise _unreadable(path, f"column {', '.join(repeated)} twice" if repeated else "no header")
    broken: list[tuple[int, str]] = []

    def set_aside(row: Any) -> str:
        detail = f"{row.actual_columns} values, the header has {row.expected_columns}: {(row.text or '')[:60]!r}"
        broken.append((row.number, detail))
        return "skip"

    encoding = _encoding(content, path)
    try:
        table = pv.read_csv(
            pa.BufferReader(content.removeprefix(_BOM)),
            # one thread: rows are numbered only then, and their order is that of the file
            read_options=pv.ReadOptions(use_threads=False, column_names=names, skip_rows=1, encoding=encoding),
            parse_options=pv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=set_aside),
            convert_options=pv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise _unreadable(path, str(error)) from error
        table = pa.table({name: pa.array([], type=pa.string()) for name in names})
    every = np.arange(2, table.num_rows + len(broken) + 2)
    return TextTable(
        table=pa.table({name: trimmed(table[name]) for name in names}),
        rows=np.setdiff1d(every, [number for number, _ in broken], assume_unique=True).astype(np.int64),
        broken=tuple((f"row {number}", "broken_row", detail) for number, detail in broken),
        encoding=encoding,
    )


def trimmed(values: Any) -> Any:
    """Text (Arrow array, chunked or not) without blanks around it, null where nothing is left."""
    bare = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(bare, ""), pa.scalar(None, pa.string()), bare)


def _encoding(content: bytes, path: Path) -> str:
    for encoding in ("utf-8", "windows-1252"):  # the second is what French office programs write; Latin-1 is a part
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise _unreadable(path, "bytes that are neither UTF-8 nor Windows-1252")


def _unreadable(path: Path, found: str) -> UnreadableError:
    return UnreadableError(
        "not a table of delimited text",
        where=path.name,
        found=found[:200],
        expected="text with one header line, values separated by semicolons, commas or tabs",
        remedy="save the table again as CSV in UTF-8",
    )
