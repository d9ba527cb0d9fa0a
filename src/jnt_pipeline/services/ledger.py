"""What was downloaded into a folder: address, date, size and checksum of every file (*registre des téléchargements*).

The register stands beside the files as ``downloads.ledger`` (JSON text). Its name ends as no source's file does, nor do
those of unfinished (``.part``, ``.page``), kept (``.kept``) and refused files: a reader of the folder never sees them.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jnt_pipeline.disk import fsync, replace, write
from jnt_pipeline.errors import ServiceError, UnreadableError

__all__ = ["KEPT", "LEDGER", "QUARANTINE", "Entry", "Ledger", "quarantine"]

LEDGER = "downloads.ledger"
QUARANTINE = "quarantine"
KEPT = ".kept"
"""Ending of files that are means (indexes, outlines), which sources do not read."""


class Entry(BaseModel):
    """One file as it came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Address it came from, parameters included.")
    sha256: str = Field(description="SHA-256 of its bytes, hexadecimal.")
    n_bytes: int = Field(ge=0, description="Size, bytes.")
    etag: str = Field(default="", description="ETag of the answer.")
    last_modified: str = Field(default="", description="Last-Modified of the answer.")
    answered_on: str = Field(default="", description="Date of the answer, as the server wrote it.")
    vintage: str = Field(default="", description="Edition (millésime).")
    n_records: int | None = Field(default=None, description="Records counted in it, where that is cheap.")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: int = 1
    resolved: dict[str, str] = Field(default_factory=dict)
    files: dict[str, Entry] = Field(default_factory=dict)
    unfinished: dict[str, Entry] = Field(default_factory=dict)


class Ledger:
    """The register of one folder; every change is on the disk before the call returns. Safe for threads."""

    def __init__(self, folder: Path):
        self._path = folder / LEDGER
        self._lock = threading.Lock()
        self._document = _Document()
        if self._path.is_file():
            try:
                self._document = _Document.model_validate_json(self._path.read_bytes())
            except ValidationError as error:
                raise UnreadableError(
                    "the register of downloads is damaged",
                    where=self._path,
                    found=f"{error.error_count()} mistakes, the first: {error.errors()[0]['msg']}",
                    remedy="delete it: the files beside it then count as your own and are left alone",
                ) from error

    def names(self) -> tuple[str, ...]:
        """Names of the complete files, sorted."""
        with self._lock:
            return tuple(sorted(self._document.files))

    def entry(self, name: str) -> Entry | None:
        """What is known of a complete file."""
        with self._lock:
            return self._document.files.get(name)

    def unfinished(self, name: str) -> Entry | None:
        """What is known of a file of which a part has come."""
        with self._lock:
            return self._document.unfinished.get(name)

    def begin(self, name: str, entry: Entry) -> None:
        """A download begins: its validators decide whether it can be continued."""
        with self._lock:
            self._document.unfinished[name] = entry
            self._write()

    def finish(self, name: str, entry: Entry) -> None:
        """A file is complete and sound."""
        with self._lock:
            self._document.unfinished.pop(name, None)
            self._document.files[name] = entry
            self._write()

    def forget(self, name: str) -> None:
        """A file is not here any more."""
        with self._lock:
            self._document.unfinished.pop(name, None)
            self._document.files.pop(name, None)
            self._write()

    def resolved(self, name: str) -> str | None:
        """What a moving name, such as ``latest``, was resolved to."""
        with self._lock:
            return self._document.resolved.get(name)

    def resolve(self, name: str, value: str) -> None:
        """Note what a moving name stands for, so that the next run needs no network."""
        with self._lock:
            self._document.resolved[name] = value
            self._write()

    def _write(self) -> None:
        document = self._document.model_dump(mode="json", exclude_defaults=True) | {"format": self._document.format}
        text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        beside = self._path.with_name(LEDGER + ".part")
        write(beside, text.encode())
        fsync(beside)
        replace(beside, self._path)


def quarantine(folder: Path, name: str, content: Path | bytes, error: ServiceError) -> Path:
    """Put an answer that cannot be used aside, with its reason beside it; returns where it is.

    A file is moved, bytes are written. The last refused answer of a name replaces the one before.
    """
    place = folder / QUARANTINE
    place.mkdir(exist_ok=True)
    refused = place / f"{name}.refused"
    if isinstance(content, Path):
        replace(content, refused)
    else:
        write(refused, content)
    write(place / f"{name}.reason.txt", f"{error}\n".encode())
    return refused
