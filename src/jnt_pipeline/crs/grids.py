"""Where PROJ finds its grids on this machine, and which of them are there (*grilles de conversion*)."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import platformdirs
from pyproj import datadir, network

from jnt_pipeline.crs.france.grid_table import KNOWN_GRIDS, KnownGrid
from jnt_pipeline.crs.grid_sync import GridSync, SyncReport, sync_grids
from jnt_pipeline.errors import MissingGridError
from jnt_pipeline.provenance import GridUse

__all__ = [
    "GRIDS_VARIABLE",
    "KNOWN_GRIDS",
    "GridSync",
    "InstalledGrid",
    "KnownGrid",
    "SyncReport",
    "found_grid",
    "grid_use",
    "installed_grids",
    "is_intact",
    "look_again",
    "missing_grids",
    "require_same",
    "sync_grids",
    "unreadable_grids",
    "use_grid_folders",
    "user_grid_folder",
]

GRIDS_VARIABLE = "JNT_PROJ_GRIDS"
"""Environment variable: folders that hold grids, separated as PATH is."""

_GRID_SUFFIXES = (".tif", ".gsb", ".gtx")

_lock = threading.Lock()
_added: set[str] = set()  # folders that we put on PROJ's path, so that we may take them off again
_thread = threading.local()  # pyproj keeps one PROJ context per thread, each with a search path of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledGrid:
    """One grid file on this machine."""

    name: str
    """File name."""
    path: Path
    """Where it is."""
    sha256: str
    """SHA-256 of its bytes, hexadecimal."""
    n_bytes: int
    """Size, bytes."""
    known: KnownGrid | None
    """Its row in the table of French grids; None for a grid that the table does not list."""

    @property
    def is_intact(self) -> bool | None:
        """Whether the checksum is that of the table; None for a grid that the table does not list."""
        return None if self.known is None else self.known.sha256 == self.sha256


def user_grid_folder() -> Path:
    """Folder where ``jnt grids sync`` puts grids, and where they are looked for without any setting."""
    return Path(platformdirs.user_data_dir("jnt_pipeline", appauthor=False)) / "grids"


def _wanted_folders() -> list[Path]:
    declared = [Path(part) for part in os.environ.get(GRIDS_VARIABLE, "").split(os.pathsep) if part]
    return [*declared, user_grid_folder()]


def use_grid_folders() -> tuple[Path, ...]:
    """Put the grid folders on PROJ's search path, for this thread too, and keep PROJ off the network.

    Folders: those of ``JNT_PROJ_GRIDS``, the user's data folder, PROJ's own. Calling it again changes nothing; a
    folder that is no longer asked for is taken off, so that what a process finds does not depend on its past.

    Returns
    -------
    Folders that exist, in that order. A file present in several is read from PROJ's own first, because pyproj
    wants the folder of its database at the head of the path; what was really read is in ``Operation.grids``.
    """
    with _lock:
        wanted = [folder for folder in _wanted_folders() if folder.is_dir()]
        own = [part for part in datadir.get_data_dir().split(os.pathsep) if part not in _added]
        texts = [str(folder) for folder in wanted if str(folder) not in own]
        path = os.pathsep.join([*own, *dict.fromkeys(texts)])
        if getattr(_thread, "path", None) != path or datadir.get_data_dir() != path:
            _added.clear()
            _added.update(texts)
            # Both calls act on the PROJ context of the calling thread and on those made later, not on others.
            datadir.set_data_dir(path)
            network.set_network_enabled(active=False)  # type: ignore[attr-defined]
            _thread.path = path
    return (*wanted, *(Path(part) for part in own))


def installed_grids() -> tuple[InstalledGrid, ...]:
    """All grid files in PROJ's search folders, by name; the first folder that holds a name wins.

    Files are read to state their checksum, so that a damaged grid shows (``is_intact`` is False).
    """
    use_grid_folders()
    found: dict[str, InstalledGrid] = {}
    for folder in (Path(part) for part in datadir.get_data_dir().split(os.pathsep)):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in _GRID_SUFFIXES and path.is_file() and path.name not in found:
                sha256, n_bytes = _fingerprint(path)
                found[path.name] = InstalledGrid(
                    name=path.name, path=path, sha256=sha256, n_bytes=n_bytes, known=KNOWN_GRIDS.get(path.name)
                )
    return tuple(found[name] for name in sorted(found))


def look_again(names: set[str]) -> bool:
    """Make PROJ forget which grids it did not find, if one of these is there now.

    PROJ remembers per thread that a file was absent; a grid that ``sync_grids`` brings would stay unseen.
    """
    path = datadir.get_data_dir()
    there = any((Path(folder) / name).is_file() for folder in path.split(os.pathsep) for name in names)
    if there:
        with _lock:
            datadir.set_data_dir(path)
    return there


def is_intact(name: str, path: Path) -> bool:
    """Whether a grid file is what the table says, to the last bit; True for one that the table does not list."""
    known = KNOWN_GRIDS.get(name)
    return known is None or _fingerprint(path)[0] == known.sha256


def grid_use(name: str, path: Path) -> GridUse:
    """What a publication says of a grid that an operation reads: name, checksum, edition, licence.

    Raises
    ------
    MissingGridError
        The file is listed in the table with another checksum: damaged, or an edition whose accuracy is not known.
    """
    sha256, n_bytes = _fingerprint(path)
    known = KNOWN_GRIDS.get(name)
    if known is not None and known.sha256 != sha256:
        raise MissingGridError(
            "the grid is damaged, or not the edition that is known here",
            where=path,
            found=f"{n_bytes} bytes, SHA-256 {sha256}",
            expected=f"{known.n_bytes} bytes, SHA-256 {known.sha256}",
            remedy=f"run `jnt grids sync {name}`, or take the file out of the folder",
        )
    if known is None:
        return GridUse(name=name, sha256=sha256)
    return GridUse(
        name=name,
        sha256=sha256,
        edition=known.edition,
        relation=known.relation,
        licence=known.licence,
        attribution=known.attribution,
    )


def found_grid(name: str, *, where: str) -> tuple[Path, GridUse]:
    """The file that PROJ reads for a grid at this moment, and what a publication says of it.

    Raises
    ------
    MissingGridError
        It is absent, or damaged.
    """
    use_grid_folders()
    for folder in datadir.get_data_dir().split(os.pathsep):
        path = Path(folder) / name
        if path.is_file():
            return path, grid_use(name, path)
    raise missing_grids([name], where=where)


def require_same(grid: GridUse, *, where: str) -> Path:
    """Where a grid on record lies now; a file that came in its place since then would not be the one on record.

    Raises
    ------
    MissingGridError
        It is absent, damaged, or another file than the one on record.
    """
    path, now = found_grid(grid.name, where=where)
    if now != grid:
        raise MissingGridError(
            "a grid was exchanged while it was in use",
            where=path,
            found=f"SHA-256 {now.sha256}",
            expected=f"SHA-256 {grid.sha256}, as on record",
            remedy="put the grid back, or ask for the transformation again in a new process",
        )
    return path


def missing_grids(names: list[str], *, where: str) -> MissingGridError:
    """The error that names grids which are absent, where they were looked for, and the remedy."""
    looked = [f"{f}{'' if f.is_dir() else ' (no such folder)'}" for f in _wanted_folders()]
    looked += [part for part in datadir.get_data_dir().split(os.pathsep) if part not in _added]
    what = "a grid" if len(names) == 1 else "grids"
    return MissingGridError(
        f"the best operation needs {what} that this machine does not have: {', '.join(names)}",
        where=where,
        found=f"nothing of that name in {', '.join(dict.fromkeys(looked))}",
        expected=f"{', '.join(names)} (a result without it would be metres off, and is refused)",
        remedy=f"run `jnt grids sync {' '.join(names)}`, or name the folder that holds it in {GRIDS_VARIABLE}",
    )


def unreadable_grids(found: str, *, where: str) -> MissingGridError:
    """The error for grids that PROJ finds and cannot open; it names those whose checksum is not the one known."""
    damaged = [grid for grid in installed_grids() if grid.is_intact is False]
    names = ", ".join(grid.name for grid in damaged)
    return MissingGridError(
        f"a grid on this machine is damaged: {names}" if damaged else "PROJ cannot open a grid that it needs",
        where=where,
        found="; ".join(str(grid.path) for grid in damaged) or found,
        expected="grids with the checksums that `jnt grids list --json` tells",
        remedy=f"remove the damaged file, then run `jnt grids sync {names.replace(',', '')}`".rstrip(),
    )


def _fingerprint(path: Path) -> tuple[str, int]:
    status = path.stat()
    return _digest(path, status.st_mtime_ns, status.st_size), status.st_size


@lru_cache(maxsize=256)
def _digest(path: Path, modified_ns: int, n_bytes: int) -> str:
    del modified_ns, n_bytes  # part of the key only: a file that changed is read again
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
