"""Bulk files of the RNB: a CSV per département, plain or packed, read by batches whatever its size.

Columns: ``rnb_id;point;shape;status;ext_ids;addresses;plots;validated_by``, in any order; points and shapes as EWKT in
longitude, latitude; the others JSON. ``validated_by`` names persons and is not read.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.streams import GEOMETRY, NativeBatch
from jnt_pipeline.errors import SourceError, UnreadableError
from jnt_pipeline.sources.text_tables import header_of, trimmed

__all__ = ["rnb_batches", "rnb_header", "table_of"]

_ROWS = 16_384  # in a batch: some ten megabytes
_LONGEST = 1 << 27  # characters of a value: the outline of a building, with much to spare
_HEAD = 1 << 16  # bytes that hold the header
_EWKT = r"^SRID=(?P<srid>\d+);(?P<wkt>.*)$"
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
_LISTS = {"ext_ids": "bad_ext_ids", "addresses": "bad_addresses", "plots": "bad_plots"}

_TOLD = ("address_ids", "topo_building_ids", "bdnb_ids", "parcel_ids")


def rnb_header(path: Path) -> tuple[str, list[str]]:
    """Separator and column names. Raises ``UnreadableError``; ``SourceError`` where column ``rnb_id`` is missing."""
    with _opened(path) as stream:
        separator, names = header_of(stream.read(_HEAD), path)
    if "rnb_id" not in names or not {"point", "shape"} & set(names):
        raise SourceError(
            "not a table of the RNB",
            where=path.name,
            found=", ".join(names)[:120],
            expected="columns rnb_id, and point or shape",
            remedy="give the CSV of the département from data.gouv.fr",
        )
    return separator, names


def rnb_batches(path: Path) -> Iterator[NativeBatch]:
    """The buildings of a bulk file, in its order; raises ``UnreadableError`` on damage, however late.

    Set aside: ``broken_row``, ``bad_coordinates``, ``bad_ext_ids``, ``bad_addresses``, ``bad_plots``.
    """
    separator, names = rnb_header(path)
    csv.field_size_limit(_LONGEST)
    first = 0
    with _opened(path) as stream:
        lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        rows = csv.reader(lines, delimiter=separator, strict=True)
        try:
            next(rows)
            while some := list(islice((row for row in rows if row), _ROWS)):
                yield _batch(some, names, first)
                first += len(some)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _damaged(path, f"row {first + 2} or after: {error}") from error


def _batch(rows: list[list[str]], names: list[str], first: int) -> NativeBatch:
    whole = [row for row in rows if len(row) == len(names)]
    broken = [
        (f"row {first + i + 2}", "broken_row", f"{len(row)} values, the header has {len(names)}: {str(row)[:60]}")
        for i, row in enumerate(rows)
        if len(row) != len(names)
    ]
    columns = {
        name: trimmed(pa.array([row[k] for row in whole], pa.string()))
        for k, name in enumerate(names)
        if name != "validated_by"
    }
    faults: dict[int, tuple[str, str]] = {}
    shapes = _shapes(columns, faults)
    table, rejected = table_of(columns, shapes, faults, first)
    return NativeBatch(table=table, first_record=first, rejected=(*broken, *rejected))


def table_of(
    columns: dict[str, pa.Array], shapes: NDArray[np.object_], faults: dict[int, tuple[str, str]], first: int
) -> tuple[pa.RecordBatch, tuple[tuple[str, str, str], ...]]:
    """The columns of the schema from those of the RNB, trimmed, and the records that cannot be read.

    Parameters: ``shapes`` shape (n,), in longitude, latitude; ``faults`` of the geometries by position; ``first`` the
    position of the first record in its file.
    """
    ids = pc.utf8_upper(pc.replace_substring_regex(columns["rnb_id"], r"[\s_-]", ""))
    n = len(ids)
    faults = dict(faults)
    nothing = pa.nulls(n, pa.string())
    lists = [columns.get(name, nothing).to_pylist() for name in _LISTS]
    told = [_told_ids(*_parsed(i, row, faults)) for i, row in enumerate(zip(*lists, strict=True))]
    active = pc.utf8_lower(columns.get("is_active", nothing))
    is_true, is_false = (pc.is_in(active, pa.array(words)) for words in (_TRUE, _FALSE))
    arrays = {
        "rnb_id": ids,
        "status": columns.get("status", nothing),
        "is_active": pc.if_else(is_true, pa.scalar(True), pc.if_else(is_false, False, pa.scalar(None, pa.bool_()))),
        **{name: pa.array([row[k] for row in told], pa.string()) for k, name in enumerate(_TOLD)},
        GEOMETRY: pa.array(shapely.to_wkb(shapes), pa.binary()),
    }
    table = pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))
    keep = np.ones(n, dtype=bool)
    keep[list(faults)] = False
    keys = ids.to_pylist()
    rejected = tuple((keys[i] or f"record {first + i}", *faults[i]) for i in sorted(faults))
    return (table.filter(pa.array(keep)) if rejected else table), rejected


def _told_ids(ext_ids: Sequence[Any], addresses: Sequence[Any], plots: Sequence[Any]) -> tuple[str | None, ...]:
    """Ids that a building states, in the order of ``_TOLD``, each list joined with ``|``."""
    of_source: dict[str, list[Any]] = {"bdtopo": [], "bdnb": []}
    for one in ext_ids:
        if isinstance(one, dict) and one.get("source") in of_source:
            of_source[one["source"]].append(one.get("id"))
    return (
        _joined(_first(one, "cle_interop_ban", "cle_interop", "id") for one in addresses),
        _joined(of_source["bdtopo"]),
        _joined(of_source["bdnb"]),
        _joined(_first(one, "id") for one in plots),
    )


def _first(one: Any, *names: str) -> Any:
    if isinstance(one, dict):
        return next((one[name] for name in names if one.get(name)), None)
    return one if isinstance(one, str) else None


def _joined(ids: Any) -> str | None:
    return "|".join(dict.fromkeys(str(one).strip() for one in ids if one)) or None


def _parsed(i: int, row: tuple[str | None, ...], faults: dict[int, tuple[str, str]]) -> list[Sequence[Any]]:
    lists: list[Sequence[Any]] = []
    for text, (name, reason) in zip(row, _LISTS.items(), strict=True):
        try:
            value = json.loads(text) if text else []
        except json.JSONDecodeError as error:
            faults.setdefault(i, (reason, f"{name} is no JSON: {error}"))
            value = []
        if not isinstance(value, list | None):
            faults.setdefault(i, (reason, f"{name} is no list: {str(value)[:60]}"))
            value = []
        lists.append(value or [])
    return lists


def _shapes(columns: dict[str, pa.Array], faults: dict[int, tuple[str, str]]) -> NDArray[np.object_]:
    """Outline of each building, else its point; None where there is none or it cannot be read, which is a fault."""
    nothing = pa.nulls(len(columns["rnb_id"]), pa.string())
    texts = pc.coalesce(columns.get("shape", nothing), columns.get("point", nothing))
    parts = pc.extract_regex(texts, _EWKT)
    srid = pc.struct_field(parts, "srid")
    plain = pc.coalesce(pc.struct_field(parts, "wkt"), texts)
    written = np.asarray(plain.to_pylist(), dtype=object)
    shapes = np.asarray(shapely.from_wkt(written, on_invalid="ignore"), dtype=object)
    unread = shapely.is_missing(shapes) & texts.is_valid().to_numpy(zero_copy_only=False)
    for i in np.flatnonzero(unread):
        faults[int(i)] = ("bad_coordinates", f"no geometry can be read from {str(texts[int(i)].as_py())[:60]!r}")
    other = pc.fill_null(pc.not_equal(srid, "4326"), fill_value=False).to_numpy(zero_copy_only=False)
    for i in np.flatnonzero(other):
        faults.setdefault(int(i), ("bad_coordinates", f"the geometry states SRID {srid[int(i)].as_py()}, not 4326"))
    flat: NDArray[np.object_] = shapely.force_2d(shapes)
    return flat


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The text of a table: unpacked where it is gzip, or a ZIP archive of one CSV file."""
    try:
        with path.open("rb") as raw:
            head = raw.read(4)
        if head.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if name.lower().endswith(".csv")]
                if len(members) != 1:
                    raise _damaged(path, f"{len(members)} CSV files in the archive")
                with archive.open(members[0]) as stream:
                    yield stream
        else:
            with gzip.open(path, "rb") if head.startswith(b"\x1f\x8b") else path.open("rb") as stream:
                yield cast("IO[bytes]", stream)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, found: str) -> UnreadableError:
    return UnreadableError(
        "the table is damaged or cut short",
        where=path.name,
        found=found[:200],
        expected="a whole CSV file in UTF-8, plain, gzip, or alone in a ZIP archive",
        remedy="download the file again",
    )
