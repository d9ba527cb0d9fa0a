"""The workspace on disk: units of work, their manifest, and the lock; the only committer of results.

::

    workspace/
      workspace.json                 format version
      units/<stage>/<unit>/<key>/    the files one unit made; never changed once there
      manifest/<stage>/<unit>.json   what made them: inputs, parameters, version, and the hashes of the outputs
      twin.json                      the twin as of the last complete stage (see ``twin.py``)
      publication/<exporter>         link to the newest files of an exporter
      scratch/                       work in progress; emptied by the next run

A result is written into a scratch folder, fsynced, renamed into place, and only then named by the manifest. So a
run that dies at any instant loses at most the unit it was making, and nothing half-written is ever believed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jnt_pipeline import disk
from jnt_pipeline.crs.grids import installed_grids
from jnt_pipeline.errors import WorkspaceError, WorkspaceFormatError, WorkspaceLockedError

__all__ = ["FORMAT", "DryWorkspace", "Record", "Unit", "Workspace", "canonical_json"]

FORMAT = 1
"""Version of the layout above; a newer one is refused, an older one migrated (there is none yet)."""


def canonical_json(value: object) -> bytes:
    """One byte form for one value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One step on one partition: a stage on a commune, a tile, a file or an exporter."""

    stage: str
    name: str
    """Unique within the stage, safe as a folder name."""
    version: int
    """Bumped by hand when the output of the step changes."""
    parameters: Mapping[str, Any]
    """JSON values that decide the output; no path of this machine, no clock."""
    inputs: Mapping[str, str]
    """SHA-256 of everything read, by a name that does not depend on this machine."""

    @property
    def key(self) -> str:
        """What the output is a function of."""
        parts = (self.stage, self.name, self.version, dict(self.parameters), dict(self.inputs))
        return hashlib.sha256(canonical_json(parts)).hexdigest()[:20]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A unit that was made: its line of the manifest."""

    stage: str
    name: str
    key: str
    outputs: Mapping[str, str]
    """SHA-256 by path relative to the unit's folder."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the step reported (JSON values); ``grids`` names the grids it read, with their checksum."""

    @property
    def folder(self) -> str:
        """Relative to the workspace."""
        return f"units/{self.stage}/{self.name}/{self.key}"

    def path(self, output: str) -> str:
        """One output, relative to the workspace."""
        return f"{self.folder}/{output}"


class Workspace:
    """The folder of one twin. ``with Workspace.open(path) as workspace`` holds its lock; reading needs none."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    # -- opening -----------------------------------------------------------------------------------------------

    @classmethod
    def at(cls, root: Path) -> Self:
        """An existing workspace, to read; raises ``WorkspaceError`` when there is none."""
        marker = root / "workspace.json"
        if not marker.is_file():
            raise WorkspaceError(
                "not a workspace",
                where=root,
                found="no workspace.json" if root.is_dir() else "no such folder",
                remedy="make one with `jnt run CONFIG --workspace DIR`",
            )
        _check_format(marker)
        return cls(root)

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[Self]:
        """Create it where needed, and hold its lock: one run at a time.

        Raises ``WorkspaceLockedError``, ``WorkspaceFormatError``, ``WorkspaceError`` for a folder of something else.
        """
        marker = root / "workspace.json"
        try:
            strangers = root.exists() and any(entry.name not in {".lock", "scratch"} for entry in root.iterdir())
            if marker.exists():
                _check_format(marker)
            elif strangers:
                raise WorkspaceError(
                    "the folder holds other things",
                    where=root,
                    expected="an empty or new folder, or a workspace",
                    remedy="choose another folder",
                )
            (root / "scratch").mkdir(parents=True, exist_ok=True)
            lock = (root / ".lock").open("a+")
        except OSError as error:
            raise WorkspaceError(
                "cannot be used as a workspace",
                where=root,
                found=error.strerror or str(error),
                expected="a folder that may be written",
                remedy="choose another folder",
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise WorkspaceLockedError(
                    "another run holds the workspace",
                    where=root,
                    found=f"process {lock.read().strip() or 'unknown'}",
                    remedy="wait for it to end, or stop it",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            workspace = cls(root)
            workspace._empty_scratch()
            if not marker.exists():
                workspace.write_document("workspace.json", {"format": FORMAT})
            try:
                yield workspace
            except Exception:
                # Nothing half-written stays behind; after a kill, the next run sees to it.
                shutil.rmtree(workspace.root / "scratch", ignore_errors=True)
                (workspace.root / "scratch").mkdir(exist_ok=True)
                raise

    def _empty_scratch(self) -> None:
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        for leftover in scratch.iterdir():
            # Processes of a run that was killed may write for some seconds more: what they add goes the next time.
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                disk.remove(leftover)

    # -- units -------------------------------------------------------------------------------------------------

    def why_make(self, unit: Unit) -> str:
        """Why ``unit`` must be made, in a few words; empty when its result is there, byte for byte."""
        line = self._manifest(unit.stage, unit.name)
        if line is None:
            return "new"
        if line["key"] != unit.key:
            if line["version"] != unit.version:
                return "the stage changed"
            if canonical_json(line["parameters"]) != canonical_json(dict(unit.parameters)):
                return "parameters changed"
            changed = sorted(dict(set(line["inputs"].items()) ^ set(unit.inputs.items())))
            return f"input changed: {', '.join(changed[:3])}{' …' if len(changed) > 3 else ''}"
        record = _record(line)
        if grids := record.facts.get("grids"):
            installed = {grid.name: grid.sha256 for grid in installed_grids()}
            for name, checksum in grids.items():
                if installed.get(name) != checksum:
                    return f"grid changed: {name}"
        for output, checksum in record.outputs.items():
            path = self.root / record.path(output)
            if not path.is_file():
                return f"output missing: {output}"
            if disk.file_sha256(path) != checksum:
                return f"output damaged: {output}"
        return ""

    def record(self, stage: str, name: str) -> Record | None:
        """What the manifest says of a unit; None when it was never made."""
        line = self._manifest(stage, name)
        return None if line is None else _record(line)

    def _manifest(self, stage: str, name: str) -> dict[str, Any] | None:
        """One line of the manifest, believed only if it is whole."""
        path = self.root / "manifest" / stage / f"{name}.json"
        try:
            line = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        whole = isinstance(line, dict) and line.keys() >= _LINE
        return line if whole else None

    def scratch_folder(self, unit: Unit) -> Path:
        """Where the files of ``unit`` may be written; whoever does the work makes the folder.

        No other run has the same: processes that outlive a killed one must not write into what this one commits.
        """
        return self.root / "scratch" / f"{os.getpid()}-{unit.stage}-{unit.name}-{unit.key}"

    def commit(self, unit: Unit, scratch: Path, facts: Mapping[str, Any]) -> Record:
        """Take the files of ``scratch`` over as the output of ``unit``; raises ``DiskFullError``."""
        with disk.full_disk_named(self.root):
            files = sorted(path for path in scratch.rglob("*") if path.is_file())
            outputs = {path.relative_to(scratch).as_posix(): disk.file_sha256(path) for path in files}
            for path in files:
                disk.fsync(path)
            for folder in sorted({scratch, *(path.parent for path in files)}, reverse=True):
                disk.fsync(folder)
            record = Record(stage=unit.stage, name=unit.name, key=unit.key, outputs=outputs, facts=facts)
            target = self.root / record.folder
            target.parent.mkdir(parents=True, exist_ok=True)
            old = self.root / "scratch" / f"old-{unit.stage}-{unit.name}-{unit.key}"
            if not _holds(target, outputs):
                if target.exists():  # damaged, or of a run that died in its midst
                    disk.replace(target, old)
                disk.replace(scratch, target)
                disk.fsync(target.parent)
            self.write_document(
                f"manifest/{unit.stage}/{unit.name}.json",
                {
                    "stage": unit.stage,
                    "unit": unit.name,
                    "key": unit.key,
                    "version": unit.version,
                    "parameters": dict(unit.parameters),
                    "inputs": dict(unit.inputs),
                    "outputs": outputs,
                    "facts": dict(facts),
                },
            )
            disk.remove(old)
            disk.remove(scratch)
        return record

    # -- documents and links -----------------------------------------------------------------------------------

    def read_document(self, name: str) -> bytes | None:
        """A JSON document of the workspace; None when it is not there."""
        path = self.root / name
        return path.read_bytes() if path.is_file() else None

    def plan_units(self, units: Sequence[Unit]) -> None:
        """Remember what a stage sets out to make, so that ``jnt clean`` keeps what it has made when it is cut short."""
        planned = {f"{unit.stage}/{unit.name}": unit.key for unit in units}
        self.write_document(_PLANNED, {**self._planned(), **planned})

    def forget_planned(self, *steps: str) -> None:
        """The stage has ended: its index says what it is made of."""
        planned = self._planned()
        left = {unit: key for unit, key in planned.items() if unit.split("/")[0] not in steps}
        if left != planned:
            self.write_document(_PLANNED, left)

    def planned_units(self) -> set[tuple[str, str, str]]:
        """(step, unit, key) of what unfinished stages set out to make."""
        found = set()
        for unit, key in self._planned().items():
            step, name = unit.split("/", 1)
            found.add((step, name, key))
        return found

    def _planned(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.read_document(_PLANNED) or b"{}"))
        except ValueError:
            return {}

    def write_document(self, name: str, document: object) -> None:
        """Write a JSON document whole or not at all; raises ``DiskFullError``."""
        target = self.root / name
        with disk.full_disk_named(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.root / "scratch" / f"document-{name.replace('/', '-')}"
            disk.write(temporary, json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
            disk.fsync(temporary)
            disk.replace(temporary, target)
            disk.fsync(target.parent)

    def point_publications(self, folders: Mapping[str, str]) -> None:
        """Let ``publication/<kind>`` lead to each folder (relative to the workspace), each in one step; drop others."""
        links = self.root / "publication"
        links.mkdir(exist_ok=True)
        for kind, folder in sorted(folders.items()):
            link, wanted = links / kind, f"../{folder}"
            if link.is_symlink() and link.readlink() == Path(wanted):
                continue
            if link.is_dir() and not link.is_symlink():  # the workspace was copied with its links followed
                disk.remove(link)
            temporary = self.root / "scratch" / f"link-{kind}"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(wanted)
            disk.replace(temporary, link)
        for link in sorted(links.iterdir()):
            if link.is_symlink() and link.name not in folders:
                link.unlink()
        disk.fsync(links)

    # -- cleaning ----------------------------------------------------------------------------------------------

    def clean(self, needed: set[tuple[str, str, str]]) -> int:
        """Drop every unit but the ``needed`` ones (stage, name, key); returns the bytes given back."""
        freed = 0
        for stage in sorted((self.root / "units").glob("*")):
            for name in sorted(stage.iterdir()):
                kept = [key for key in name.iterdir() if (stage.name, name.name, key.name) in needed]
                for folder in sorted(set(name.iterdir()) - set(kept)):
                    freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                    disk.remove(folder)
                if not kept:
                    (self.root / "manifest" / stage.name / f"{name.name}.json").unlink(missing_ok=True)
                    name.rmdir()
        self._empty_scratch()
        return freed


_PLANNED = "index/planned.json"

_LINE = {"stage", "unit", "key", "version", "parameters", "inputs", "outputs", "facts"}


def _record(line: Mapping[str, Any]) -> Record:
    return Record(stage=line["stage"], name=line["unit"], key=line["key"], outputs=line["outputs"], facts=line["facts"])


def _holds(folder: Path, outputs: Mapping[str, str]) -> bool:
    """Whether the folder holds exactly these files: a twin may be using them, so they are better left alone."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    if found.keys() != outputs.keys() or not found:
        return False
    return all(disk.file_sha256(found[name]) == checksum for name, checksum in outputs.items())


def _check_format(marker: Path) -> None:
    try:
        found = json.loads(marker.read_bytes())["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkspaceFormatError(
            "workspace.json cannot be read", where=marker, remedy="delete the folder and run again"
        ) from error
    if found != FORMAT:
        raise WorkspaceFormatError(
            "the workspace has another format",
            where=marker,
            found=str(found),
            expected=str(FORMAT),
            remedy="use the version of jnt_pipeline that wrote it, or a new folder",
        )


class DryWorkspace(Workspace):
    """A workspace that is only looked at: what a run would write stays in memory."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._documents: dict[str, bytes] = {}

    def read_document(self, name: str) -> bytes | None:
        """What this dry run has written, else what is on disk."""
        return self._documents.get(name) or super().read_document(name)

    def write_document(self, name: str, document: object) -> None:
        """Keep it in memory."""
        self._documents[name] = json.dumps(document).encode()

    def point_publications(self, folders: Mapping[str, str]) -> None:
        """Point nothing."""
