"""Files of any kind moved to another reference: text, features, point clouds (``jnt crs transform``)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from jnt_pipeline.crs_files.moved import Moved, whole_file, write_set_aside
from jnt_pipeline.crs_files.text import move_text
from jnt_pipeline.errors import ConfigError, UnreadableError, UnsupportedError

__all__ = ["Moved", "move_file"]

_FEATURES = {"geopackage", "shapefile", "parquet", "json", "flatgeobuf"}
_TEXT = {"csv", "unknown"}
_TEXT_SUFFIXES = {".csv", ".txt", ".tsv", ".xyz", ".asc"}


def move_file(
    source: str,
    target: str,
    file: Path | None,
    out: Path | None,
    *,
    columns: Sequence[str] = (),
    delimiter: str = "",
    layer: str | None = None,
    set_aside: Path | None = None,
) -> Moved:
    """Transform one file into another of the same kind; text also from standard input and to standard output.

    Kinds are told by content. What is written is written whole, or not at all. ``set_aside``: file for the records that
    are refused; without it the first one that is refused ends the work.

    Raises ``ConfigError`` for options that do not fit the file, ``UnreadableError``, ``UnsupportedError``,
    ``CrsError``, ``ExportError`` where the output cannot be written.
    """
    kind = "csv" if file is None else _kind(file)
    _require_distinct(file, out, set_aside)
    if kind in _TEXT:
        _refuse("--layer", layer, "a text has no layers")
        moved = _text(source, target, file, out, columns, delimiter, set_aside is not None)
    else:
        _refuse("--columns", ",".join(columns), "only text has columns of coordinates")
        _refuse("--delimiter", delimiter, "only text has a delimiter")
        assert file is not None
        if out is None:
            raise _unfit("--out", "this kind of file cannot go to standard output", file.name, "--out FILE")
        if kind == "lidar":
            from jnt_pipeline.crs_files.points import move_points  # late: laspy costs a second

            _refuse("--layer", layer, "a point cloud has no layers")
            _refuse("--set-aside", set_aside, "the points of a cloud are moved all together, or not at all")
            moved = move_points(source, target, file, out)
        else:
            from jnt_pipeline.crs_files.features import move_features  # late: geopandas costs two

            moved = move_features(source, target, file, out, layer=layer, set_aside=set_aside is not None)
    if set_aside is not None:
        write_set_aside(set_aside, moved.refused)
    return moved


def _kind(file: Path) -> str:
    if file.suffix.lower() in _TEXT_SUFFIXES and _is_plain(file):
        return "csv"
    from jnt_pipeline.sources.formats import TITLES, sniff  # late: the sources bring all engines with them

    kind = sniff(file)
    if kind in _FEATURES | _TEXT | {"lidar"}:
        return kind
    raise UnsupportedError(
        "this kind of file is not transformed here",
        where=file.name,
        found=TITLES.get(kind, kind),
        expected="text, CSV, GeoPackage, GeoJSON, shapefile, FlatGeobuf, GeoParquet, LAS or LAZ",
        remedy="convert it first; IFC, EDIGÉO and rasters go through a source of the twin",
    )


def _is_plain(file: Path) -> bool:
    """Whether the head of a file is text and no JSON or XML; False as well where it cannot be opened."""
    try:
        with file.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        return False
    return (
        b"\0" not in head and head.lstrip()[:1] not in {b"{", b"[", b"<"} and not head.startswith((b"\x1f\x8b", b"PK"))
    )


def _text(
    source: str,
    target: str,
    file: Path | None,
    out: Path | None,
    columns: Sequence[str],
    delimiter: str,
    set_aside: bool,
) -> Moved:
    where = "standard input" if file is None else file.name
    lines = _lines(file, where)
    if out is not None:
        with whole_file(out) as scratch, scratch.open("w", encoding="utf-8", newline="") as stream:
            return move_text(
                source, target, lines, stream,
                where=where, columns=columns, delimiter=delimiter, set_aside=set_aside,
            )  # fmt: skip
    # Standard output gets nothing before the last line has proved sound.
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as stream:
        moved = move_text(
            source, target, lines, stream,
            where=where, columns=columns, delimiter=delimiter, set_aside=set_aside,
        )  # fmt: skip
        stream.seek(0)
        shutil.copyfileobj(stream, sys.stdout)
    return moved


def _lines(file: Path | None, where: str) -> Iterator[str]:
    try:
        if file is None:
            yield from sys.stdin
            return
        with file.open(encoding="utf-8") as stream:
            yield from stream
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(
            "cannot be read",
            where=where,
            found=str(error),
            expected="lines of text in UTF-8",
            remedy="give a text file, or convert it to UTF-8",
        ) from error


def _require_distinct(file: Path | None, out: Path | None, set_aside: Path | None) -> None:
    """What is written replaces neither the input, nor the other output, nor a folder."""
    taken = {} if file is None else {file.resolve(): "the input"}
    for option, path in (("--out", out), ("--set-aside", set_aside)):
        if path is None:
            continue
        if path.is_dir():
            raise _unfit(option, "this is a folder", str(path), "a file")
        if (other := taken.get(path.resolve())) is not None:
            raise _unfit(option, f"this would replace {other}", str(path), "another file")
        taken[path.resolve()] = "the output"


def _refuse(option: str, value: object, why: str) -> None:
    if value:
        raise _unfit(option, why, str(value), "no such option for this file")


def _unfit(option: str, what: str, found: str, expected: str) -> ConfigError:
    return ConfigError(what, where=option, found=found, expected=expected, remedy="see jnt crs transform --help")
