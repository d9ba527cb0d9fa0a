"""What ``jnt crs transform`` did with a file, and the way a file is written: whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jnt_pipeline.crs.france.territories import french_name
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import canonical
from jnt_pipeline.errors import CrsError, ExportError, JntError, MissingCrsError
from jnt_pipeline.provenance import Counts, Operation, accuracy_text

__all__ = ["AUTO", "Moved", "Refused", "agreed_reference", "detail_of", "reason_of", "whole_file", "write_set_aside"]

AUTO = "auto"
"""Stands for: the reference that the file itself states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One record set aside (*enregistrement écarté*)."""

    record: str
    """Where it stood: ``line 12``, ``feature 3``."""
    reason: str
    """Reason code, from the class of the error: ``outside_area``."""
    detail: str
    """What was found, one line."""
    content: str
    """The record as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was done with one file."""

    operation: Operation
    """The coordinate operation, as it was really used."""
    counts: Counts
    """``read = kept + rejected``."""
    notes: tuple[str, ...] = ()
    """What a reader must know: a reference completed, columns renamed."""
    refused: tuple[Refused, ...] = field(default=(), repr=False)
    """The records set aside."""

    def lines(self) -> list[str]:
        """The report that goes to standard error."""
        operation, counts = self.operation, self.counts
        names = f"{french_name(operation.source)} → {french_name(operation.target)}"
        found = [
            f"{operation.source} → {operation.target}   ({names})",
            f"operation: {operation.description}",
            f"accuracy:  {accuracy_text(operation.accuracy_m)}",
        ]
        for grid in operation.grids:
            edition = f", edition {grid.edition}" if grid.edition else ""
            found.append(f"grid:      {grid.name}{edition}, SHA-256 {grid.sha256[:16]}…")
        found += dict.fromkeys(
            f"show:      {grid.attribution} {grid.licence}" for grid in operation.grids if grid.licence
        )
        found += [f"note:      {note}" for note in self.notes]
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(counts.rejected.items()))
        rejected = sum(counts.rejected.values())
        found.append(
            f"records:   {counts.read:,} read = {counts.kept:,} kept + {rejected:,} set aside"
            + (f" ({reasons})" if reasons else "")
        )
        return found

    def document(self) -> str:
        """The same as JSON, for the metadata of formats that have a place for it."""
        return json.dumps(
            {
                "operation": self.operation.model_dump(mode="json"),
                "accuracy_m": self.operation.accuracy_m,
                "counts": self.counts.model_dump(mode="json"),
                "notes": list(self.notes),
            },
            ensure_ascii=False,
            sort_keys=True,
        )


def agreed_reference(given: str, stated: Reference | None, where: object) -> tuple[Reference, tuple[str, ...]]:
    """The reference of a file from what the user says and what the file says, and notes on it.

    ``given`` is a reference or ``auto``. What one says and the other does not is taken; what both say must be the same.
    Raises ``MissingCrsError`` when nobody says anything, ``CrsError`` when they contradict each other.
    """
    if given.lower() == AUTO:
        if stated is None:
            raise MissingCrsError(
                "the file states no coordinate reference system",
                where=where,
                found=f"SRC {AUTO}, and nothing in the file",
                expected="a reference",
                remedy="write SRC, e.g. EPSG:2154+5720, if you know that it is true",
            )
        return canonical(stated), (f"reference {stated} taken from the file",)
    said = canonical(given)
    if stated is None:
        return said, ()
    own = canonical(stated)
    if own.horizontal != said.horizontal or (own.vertical and said.vertical and own.vertical != said.vertical):
        raise CrsError(
            "SRC contradicts what the file states",
            where=where,
            found=f"SRC {said} ({french_name(said.code)})",
            expected=f"{own} ({french_name(own.code)}), as the file states",
            remedy=f"write SRC {AUTO} to follow the file; correct the file's own statement if it is wrong",
        )
    if own.vertical and not said.vertical:
        return own, (f"vertical reference {own.vertical} taken from the file",)
    return said, (f"vertical reference {said.vertical} taken from SRC",) if said.vertical and not own.vertical else ()


def reason_of(error: JntError) -> str:
    """Reason code of an error: ``OutsideAreaError`` is ``outside_area``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).lower()


def detail_of(error: JntError) -> str:
    """What was found, of the one record that the error is about."""
    return error.found.removeprefix("first: point 0 ") or error.what


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path in a scratch folder beside ``target``; what was written there takes its place at the end, or nothing does.

    Files that belong together (shapefile) come along: everything in the folder goes beside the target. Folders that
    are made for it go again where nothing is written. Raises ``ExportError`` where the file system refuses.
    """
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    folder: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield folder / target.name
        for path in sorted(folder.iterdir(), key=lambda path: path.name == target.name):  # the named one comes last
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
            os.replace(path, target.parent / path.name)
    except OSError as error:
        raise ExportError(
            "the file cannot be written",
            where=target,
            found=error.strerror or str(error),
            expected="a folder that this user may write to, with space left",
            remedy="name another file, or mend the folder",
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        for empty in made:
            with suppress(OSError):  # not empty: something was written
                empty.rmdir()


def write_set_aside(path: Path, refused: tuple[Refused, ...]) -> None:
    """Write the refused records as CSV: ``record, reason, detail, content``; the header alone when there is none."""
    text = io.StringIO()
    writer: Any = csv.writer(text, lineterminator="\n")
    writer.writerow(("record", "reason", "detail", "content"))
    writer.writerows((one.record, one.reason, one.detail, one.content) for one in refused)
    with whole_file(path) as scratch:
        scratch.write_text(text.getvalue(), encoding="utf-8")
