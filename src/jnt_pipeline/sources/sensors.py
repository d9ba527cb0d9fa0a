"""Sensor networks (*réseaux de capteurs*) from files: three CSV tables, or SensorThings 1.1 documents."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pv
from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.errors import EmptySourceError, SourceError, UnreadableError
from jnt_pipeline.sources.files import delivered_files, fingerprint, read_bytes, safe_name
from jnt_pipeline.sources.geojson import parse_json
from jnt_pipeline.sources.network import COLUMNS, LAYER_NAMES, RawNetwork, RawTable, judged_layers
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.sensorthings import sensorthings_network

__all__ = ["SensorsSource", "csv_columns", "read_csv_table", "read_network"]

_CSV_UNIT = "network"
_CSV_FILES = tuple(f"{name}.csv" for name in LAYER_NAMES)


class SensorsSource(SourceDeclaration):
    """A folder with ``stations.csv``, ``datastreams.csv``, ``observations.csv``, and/or SensorThings ``*.json``."""

    kind: Literal["sensors"] = Field(default="sensors", description="Discriminator.")
    vertical: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Vertical CRS of the elevations of the stations, e.g. EPSG:5720; needed as soon as one is given.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that every unit yields."""
        return LAYER_NAMES

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit for the three CSV files, one per SensorThings file; opens no file.

        Raises ``EmptySourceError`` without any, ``SourceError`` when one of the three CSV files is missing.
        """
        del area  # a network is small; its stations are placed by the normaliser
        names: dict[str, tuple[Path, ...]] = {}
        csv = {path.name.lower(): path for path in delivered_files(self.path, *_CSV_FILES) if self.path.is_dir()}
        if csv:
            missing = [name for name in _CSV_FILES if name not in csv]
            if missing:
                raise SourceError(
                    f"the network lacks {', '.join(missing)}",
                    where=self.path,
                    found=", ".join(sorted(csv)),
                    expected=", ".join(_CSV_FILES),
                    remedy="put the three files in one folder (a file with its header alone says that it is empty)",
                )
            names[_CSV_UNIT] = tuple(csv[name] for name in _CSV_FILES)
        for path in delivered_files(self.path, ".json"):
            if path.suffix.lower() != ".json":  # a file given by its own path: one table alone is no network
                continue
            name = safe_name(path.name.removesuffix(".json"))
            if name in names:
                raise SourceError(
                    f"two files are called {name}",
                    where=path,
                    found=f"also {names[name][0]}",
                    expected="one name per network",
                    remedy="rename one of them",
                )
            names[name] = (path,)
        if not names:
            raise EmptySourceError(
                "no sensor file",
                where=self.path,
                expected=f"{', '.join(_CSV_FILES)}, or SensorThings *.json",
                remedy="correct `path`; for CSV, it is the folder of the three tables",
            )
        return tuple(SourceUnit(name=name, files=names[name]) for name in sorted(names))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The three layers of one network."""
        del area
        network = read_network(unit.files)
        files = tuple(fingerprint(path) for path in unit.files)
        notes = list(network.notes)
        if self.vertical is not None:
            notes.append(f"vertical reference {self.vertical} of the elevations declared by the user")
        where = unit.files[0].name
        return judged_layers(network, vertical=self.vertical, provenance=self.provenance(files, *notes), where=where)


def read_network(files: tuple[Path, ...]) -> RawNetwork:
    """Text tables of one network: its three CSV files, or its SensorThings document.

    Raises ``UnreadableError``, ``UnsupportedError``, ``EmptySourceError``; ``SourceError`` naming a missing column.
    """
    if len(files) == 1:
        return sensorthings_network(parse_json(files[0]), files[0].name)
    tables = {name: read_csv_table(path, name) for name, path in zip(LAYER_NAMES, files, strict=True)}
    return RawNetwork(tables=tables, notes=tuple(note for table in tables.values() for note in table.notes))


def csv_columns(content: bytes, path: Path) -> tuple[str, list[str]]:
    """Separator (comma or semicolon) and column names of a CSV file. Raises ``UnreadableError``."""
    first = content.split(b"\n", 1)[0]
    try:
        header = first.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise _not_utf8(path, str(error)) from error
    separator = ";" if header.count(";") > header.count(",") else ","
    return separator, [name.strip().strip('"') for name in header.split(separator)] if header else []


def read_csv_table(path: Path, name: str) -> RawTable:
    """One of the three CSV tables (``name`` of ``COLUMNS``), every value as text.

    Rows with too few or too many values are set aside as ``broken_row``. Columns beyond those of ``COLUMNS`` are left
    out. Raises ``SourceError`` naming the missing or repeated columns, ``UnreadableError`` when it is not UTF-8 text.
    """
    content = read_bytes(path)
    separator, names = csv_columns(content, path)
    _require_columns(path, names, COLUMNS[name])
    broken: list[tuple[str, str, str]] = []

    def set_aside(row: Any) -> str:
        detail = f"{row.actual_columns} values, the header has {row.expected_columns}: {(row.text or '')[:60]!r}"
        broken.append((f"row {row.number}", "broken_row", detail))
        return "skip"

    try:
        table = pv.read_csv(
            pa.BufferReader(content.removeprefix(b"\xef\xbb\xbf")),
            # one thread: rows are numbered only then, and their order is that of the file
            read_options=pv.ReadOptions(use_threads=False, column_names=names, skip_rows=1),
            parse_options=pv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=set_aside),
            convert_options=pv.ConvertOptions(
                column_types={column: pa.string() for column in names},
                include_columns=list(COLUMNS[name]),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise _not_utf8(path, str(error)) from error
        table = pa.table({column: pa.array([], type=pa.string()) for column in COLUMNS[name]})
    strange = [column for column in names if column not in COLUMNS[name]]
    return RawTable(
        table=table,
        label=_row_label([int(record.removeprefix("row ")) for record, _, _ in broken]),
        broken=tuple(broken),
        notes=(f"{path.name}: columns left out: {', '.join(strange)}",) if strange else (),
    )


def _row_label(broken_rows: list[int]) -> Callable[[int], str]:
    """Row of the file (header = row 1) for a position in the table, counting the rows that never entered it."""
    shifts = [row - i for i, row in enumerate(sorted(broken_rows))]
    return lambda position: f"row {position + 2 + bisect_right(shifts, position + 2)}"


def _require_columns(path: Path, found: list[str], expected: tuple[str, ...]) -> None:
    missing = [name for name in expected if name not in found]
    repeated = sorted({name for name in found if found.count(name) > 1})
    if missing or repeated:
        what = f"missing column {', '.join(missing)}" if missing else f"repeated column {', '.join(repeated)}"
        raise SourceError(
            what,
            where=path.name,
            found=", ".join(found) or "an empty file",
            expected=", ".join(expected),
            remedy="name the columns exactly so, separated by commas or semicolons, in UTF-8",
        )


def _not_utf8(path: Path, found: str) -> UnreadableError:
    return UnreadableError(
        "not a CSV table in UTF-8",
        where=path.name,
        found=found[:200],
        expected="UTF-8 text, one header line, comma or semicolon",
        remedy="save the table again as CSV in UTF-8",
    )
