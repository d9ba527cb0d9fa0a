"""What the ``jnt crs``, ``jnt grids`` and ``jnt doctor`` commands print and read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from jnt_pipeline import crs
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import UnreadableError

__all__ = ["print_doctor", "print_explanation", "print_grids", "synchronise", "transform_lines"]

_SEPARATOR = re.compile(r"[\s,;]+")
_BLOCK = 100_000
"""Points transformed at once."""


def print_explanation(console: Console, explanation: crs.Explanation) -> None:
    """One operation, its grids and accuracy, and what else PROJ proposes."""
    lines = [
        f"{explanation.source} ({explanation.source_name})  →  {explanation.target} ({explanation.target_name})",
    ]
    operation = explanation.operation
    if operation is None:
        lines += ["REFUSED", explanation.refusal]
    else:
        accuracy = "not stated" if operation.accuracy_m is None else f"{operation.accuracy_m:g} m"
        lines += [f"operation: {operation.description}", f"accuracy:  {accuracy}"]
        lines += [f"grid:      {grid.name}, SHA-256 {grid.sha256[:16]}…" for grid in operation.grids]
        lines += [f"valid in:  {area}" for area in explanation.valid_in]
        lines += [f"pipeline:  {operation.pipeline}"] if operation.pipeline else []
    for rank, other in enumerate(explanation.alternatives, 1):
        accuracy = "not stated" if other.accuracy_m is None else f"{other.accuracy_m:g} m"
        grids = ", ".join(f"{grid.name} ({grid.state})" for grid in other.grids) or "no grid"
        lines.append(f"PROJ's choice {rank}: {other.description}; accuracy {accuracy}; {grids}; {other.area}")
    lines.append(f"PROJ {explanation.proj_version}; grids looked for in {', '.join(explanation.looked_in)}")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def transform_lines(source: str, target: str, file: Path | None) -> None:
    """Read points, one a line, and print them in the target reference; the operation goes to standard error.

    Raises ``UnreadableError`` naming the line that is no point, ``CrsError`` as ``crs.transform``.
    """
    end = system(crs.canonical(target)).crs
    formats = ["%.10f", "%.10f", "%.4f"] if end.is_geographic else ["%.4f"] * 3
    stated = False
    for block in _blocks(_points(_lines(file), str(file or "standard input"))):
        moved, operation = crs.transform(block, source, target)
        np.savetxt(sys.stdout, moved, fmt=formats[: moved.shape[1]])
        if not stated:
            accuracy = "not stated" if operation.accuracy_m is None else f"{operation.accuracy_m:g} m"
            print(f"operation: {operation.description}; accuracy {accuracy}", file=sys.stderr)
            stated = True


def _lines(file: Path | None) -> Iterator[str]:
    try:
        if file is None:
            yield from sys.stdin
            return
        with file.open(encoding="utf-8") as stream:
            yield from stream
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(
            "cannot be read",
            where=file or "standard input",
            found=str(error),
            expected="lines of text",
            remedy="give a text file",
        ) from error


def _points(lines: Iterable[str], where: str) -> Iterator[list[float]]:
    """Numbers of each line that is not blank or a comment (#); all lines have as many."""
    size = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            values = [float(part) for part in _SEPARATOR.split(text)]
        except ValueError:
            values = []
        size = size or len(values)
        if len(values) not in {2, 3} or len(values) != size:
            raise UnreadableError(
                "not a point",
                where=f"{where}, line {number}",
                found=text[:60],
                expected=f"{size or '2 or 3'} numbers: x y [height], longitude first",
                remedy="separate them by blanks, commas or semicolons; the decimal mark is a point",
            )
        yield values


def _blocks(points: Iterable[list[float]]) -> Iterator[NDArray[np.float64]]:
    block: list[list[float]] = []
    for point in points:
        block.append(point)
        if len(block) == _BLOCK:
            yield np.asarray(block)
            block = []
    if block:
        yield np.asarray(block)


def print_grids(console: Console, *, as_json: bool) -> None:
    """The table of known grids, with their state on this machine."""
    installed = {grid.name: grid for grid in crs.installed_grids()}
    rows: list[dict[str, Any]] = [
        {
            "name": known.name,
            "state": _state(installed.get(known.name)),
            "relation": known.relation,
            "territory": known.territory,
            "n_bytes": known.n_bytes,
            "sha256": known.sha256,
            "licence": known.licence,
        }
        for known in crs.KNOWN_GRIDS.values()
    ]
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    table = Table("grid", "state", "relates", "where", title="French grids", title_justify="left")
    for row in rows:
        table.add_row(row["name"], row["state"], row["relation"], row["territory"])
    console.print(table)
    first = next(iter(crs.KNOWN_GRIDS.values()))
    console.print(f"{first.attribution} {first.licence}", highlight=False, markup=False)


def _state(grid: crs.InstalledGrid | None) -> str:
    if grid is None:
        return "missing"
    return "DAMAGED" if grid.is_intact is False else "present"


def synchronise(console: Console, names: Sequence[str] | None, base_url: str) -> None:
    """Fetch grids into the user's folder; all of them when none is named."""
    report = crs.sync_grids(names or tuple(crs.KNOWN_GRIDS), crs.user_grid_folder(), base_url=base_url)
    for grid in report.grids:
        console.print(f"{grid.name}: {grid.state}, {grid.path}", highlight=False, markup=False, soft_wrap=True)
    first = crs.KNOWN_GRIDS[report.grids[0].name]
    console.print(f"{first.attribution} {first.licence}", highlight=False, markup=False)


def print_doctor(console: Console, findings: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """What this machine has and lacks."""
    if as_json:
        print(json.dumps(findings, indent=1, ensure_ascii=False))
        return
    table = Table("what", "found", "", "remedy")
    for row in findings:
        table.add_row(row["what"], row["found"], "ok" if row["is_fine"] else "LACKING", row["remedy"])
    console.print(table)
