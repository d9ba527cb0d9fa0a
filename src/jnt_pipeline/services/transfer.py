"""Bringing files: whole or not at all, continued after a break, checked before they get their name.

A file is written as ``NAME.part``. When it is complete and sound, its checksum goes into the register, then it gets its
name. Killed at any point, the next run finds either nothing, a part to continue, or the whole file.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jnt_pipeline.disk import file_sha256, fsync, full_disk_named, replace, write
from jnt_pipeline.errors import BadAnswerError, ServiceError, UnreachableServiceError
from jnt_pipeline.services.content import Check, any_content
from jnt_pipeline.services.job import Fetched, FetchJob
from jnt_pipeline.services.ledger import Entry, quarantine
from jnt_pipeline.services.session import Again, Request

if TYPE_CHECKING:
    import httpx

__all__ = ["Wanted", "bring", "bring_all", "here", "put"]

logger = logging.getLogger(__name__)

_PART = ".part"
State = Literal["downloaded", "resumed", "renewed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One file that one address gives."""

    name: str
    """Name it gets in the folder."""
    url: str
    check: Check = any_content
    params: Mapping[str, str] = field(default_factory=dict)
    vintage: str = ""
    sha256: str = ""
    """Checksum that is known beforehand; empty: none."""
    is_kept: bool = False
    setting: str = "base_url"
    """Field of the declaration where another address can be stated."""

    @property
    def request(self) -> Request:
        """The request for the whole of it."""
        return Request(url=self.url, params=self.params, setting=self.setting)


def bring_all(wanted: Iterable[Wanted], job: FetchJob) -> list[Fetched]:
    """Bring files, several at a time; one that fails does not keep the others from coming.

    Returns one row per file, in the order given. Raises the error, or one ``ServiceError`` that tells all of them.
    """
    files = list(wanted)
    failures: list[ServiceError] = []

    def one(file: Wanted) -> Fetched | None:
        try:
            return bring(file, job)
        except ServiceError as error:
            failures.append(error)
            return None

    with ThreadPoolExecutor(max_workers=job.n_threads) as threads:
        rows = [row for row in threads.map(one, files) if row is not None]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        told = sorted(f"{error.where}: {error.what} ({error.found})" for error in failures)
        raise ServiceError(
            f"{len(failures)} of {len(files)} files could not be brought",
            where=job.folder,
            found="\n            ".join(told[:10]) + (f"\n            and {len(told) - 10} more" if told[10:] else ""),
            remedy="run again: the others are here and are not asked for again",
        )
    return rows


def bring(wanted: Wanted, job: FetchJob) -> Fetched:
    """Bring one file, unless it is here and intact. Raises ``ServiceError``, ``DiskFullError``."""
    with full_disk_named(job.folder):
        row = here(wanted.name, wanted.request.full_url, job, is_kept=wanted.is_kept)
        if row is not None and (row.state == "own" or not job.refresh):
            return row
        if row is not None:
            return _asked_again(wanted, job, row)
        return _downloaded(wanted, job)


def here(name: str, url: str, job: FetchJob, *, is_kept: bool = False) -> Fetched | None:
    """The row of a file that is here, intact, and came from ``url``; None when it must be brought.

    A file that the register does not know is the user's own, and left alone. One that is not as it came goes into
    quarantine.
    """
    path, entry = job.folder / name, job.ledger.entry(name)
    part = path.with_name(name + _PART)
    if entry is not None and part.is_file() and file_sha256(part) == entry.sha256:
        replace(part, path)  # killed between the register and the name
    if not path.is_file():
        return None
    if entry is None:
        return Fetched(name=name, state="own", n_bytes=path.stat().st_size, sha256="", url="", is_kept=is_kept)
    if file_sha256(path) != entry.sha256:
        error = BadAnswerError(
            "the file has changed since it was downloaded",
            where=path,
            found=f"{path.stat().st_size:,} bytes of another content",
            expected=f"{entry.n_bytes:,} bytes, SHA-256 {entry.sha256}",
            remedy="it is downloaded again; to use your own file, give it another name",
        )
        logger.warning("%s", error)
        quarantine(job.folder, name, path, error)
        job.ledger.forget(name)
        return None
    if entry.url != url:
        return None
    return _row(name, "present", entry, is_kept=is_kept)


def put(name: str, content: bytes, entry: Entry, job: FetchJob, *, is_kept: bool = False) -> Fetched:
    """Give the folder a file that was made from answers, of which ``entry`` tells; size and checksum are set here."""
    path = job.folder / name
    part = path.with_name(name + _PART)
    entry = entry.model_copy(update={"sha256": hashlib.sha256(content).hexdigest(), "n_bytes": len(content)})
    before = job.ledger.entry(name)
    with full_disk_named(job.folder):
        write(part, content)
        return _in_place(name, part, entry, job, before=before, resumed=False, is_kept=is_kept)


def _asked_again(wanted: Wanted, job: FetchJob, row: Fetched) -> Fetched:
    entry = job.ledger.entry(wanted.name)
    conditions = {}
    if entry is not None and entry.etag:
        conditions["If-None-Match"] = entry.etag
    elif entry is not None and entry.last_modified:
        conditions["If-Modified-Since"] = entry.last_modified
    return _downloaded(wanted, job, conditions=conditions, row=row)


def _downloaded(
    wanted: Wanted, job: FetchJob, *, conditions: Mapping[str, str] | None = None, row: Fetched | None = None
) -> Fetched:
    part = job.folder / (wanted.name + _PART)
    had = _size(part)
    url = wanted.request.full_url

    def make() -> Request:
        headers = _range_headers(part, url, job.ledger.unfinished(wanted.name)) or dict(conditions or {})
        headers["Accept-Encoding"] = "identity"  # sizes and ranges are those of the file itself
        return Request(url=wanted.url, params=wanted.params, headers=headers, setting=wanted.setting)

    entry = job.session.send(make, _writer(wanted, part, job))
    before = job.ledger.entry(wanted.name)
    if entry is None:
        if row is None:
            raise BadAnswerError("the answer is that nothing has changed, unasked", where=url, found="HTTP 304")
        return Fetched(**{name: getattr(row, name) for name in row.__slots__} | {"state": "unchanged"})
    try:
        n_records = wanted.check(part, url)
        found = file_sha256(part)
        if wanted.sha256 and found != wanted.sha256.lower():
            raise BadAnswerError(
                "another content than the one that is wanted",
                where=url,
                found=f"SHA-256 {found}",
                expected=f"SHA-256 {wanted.sha256.lower()}",
                remedy="the file was replaced at its address: look at it, then state its new checksum",
            )
    except BadAnswerError as error:
        job.ledger.forget(wanted.name) if before is None else job.ledger.finish(wanted.name, before)
        refused = quarantine(job.folder, wanted.name, part, error)
        raise BadAnswerError(
            error.what,
            where=error.where,
            found=f"{error.found} (kept as {refused.parent.name}/{refused.name})",
            expected=error.expected,
            remedy=error.remedy,
        ) from error
    entry = entry.model_copy(update={"sha256": found, "n_bytes": _size(part), "n_records": n_records})
    return _in_place(wanted.name, part, entry, job, before=before, resumed=had > 0, is_kept=wanted.is_kept)


def _in_place(
    name: str, part: Path, entry: Entry, job: FetchJob, *, before: Entry | None, resumed: bool, is_kept: bool
) -> Fetched:
    path = job.folder / name
    state: Literal["unchanged", "downloaded", "resumed", "renewed"] = "resumed" if resumed else "downloaded"
    if before is not None and path.is_file():
        state = "unchanged" if before.sha256 == entry.sha256 else "renewed"
    fsync(part)
    job.ledger.finish(name, entry)
    replace(part, path)
    fsync(job.folder)
    logger.info("%s: %s, %d bytes", name, state, entry.n_bytes)
    return _row(name, state, entry, is_kept=is_kept)


def _row(
    name: str,
    state: Literal["present", "unchanged", "downloaded", "resumed", "renewed"],
    entry: Entry,
    *,
    is_kept: bool,
) -> Fetched:
    return Fetched(
        name=name,
        state=state,
        n_bytes=entry.n_bytes,
        sha256=entry.sha256,
        url=entry.url,
        n_records=entry.n_records,
        is_kept=is_kept,
    )


def _range_headers(part: Path, url: str, unfinished: Entry | None) -> dict[str, str]:
    """Headers that ask for the rest of a part; none when it cannot be told that the rest belongs to it."""
    have = _size(part)
    if not have or unfinished is None or unfinished.url != url:
        return {}
    strong = unfinished.etag if not unfinished.etag.startswith("W/") else ""
    validator = strong or unfinished.last_modified
    return {"Range": f"bytes={have}-", "If-Range": validator} if validator else {}


def _writer(wanted: Wanted, part: Path, job: FetchJob) -> Callable[[httpx.Response], Entry | None]:
    """Reads an answer into the part; gives None when the service says that nothing has changed."""

    def take(answer: httpx.Response) -> Entry | None:
        url, headers = wanted.request.full_url, answer.headers
        if answer.status_code == 304:
            return None
        have = _size(part)
        if answer.status_code in {206, 416}:
            stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
            if answer.status_code == 416 or stated is None or int(stated[1]) != have:
                part.unlink(missing_ok=True)
                job.ledger.forget(wanted.name)
                raise Again(_broken(url, f"HTTP {answer.status_code}, another part than asked for"), wait_s=0.0)
            n_total = None if stated[2] == "*" else int(stated[2])
        else:
            have = 0
            n_total = int(length) if (length := headers.get("Content-Length", "")).isdigit() else None
        packed = headers.get("Content-Encoding", "identity").lower()
        if packed != "identity" and not (packed == "gzip" and wanted.name.endswith(".gz")):
            raise BadAnswerError("the file comes packed, though asked for as it is", where=url, found=packed)
        entry = Entry(
            url=url,
            sha256="",
            n_bytes=0,
            etag=headers.get("ETag", ""),
            last_modified=headers.get("Last-Modified", ""),
            answered_on=headers.get("Date", ""),
            vintage=wanted.vintage,
        )
        if answer.status_code == 200:
            part.unlink(missing_ok=True)
            job.ledger.begin(wanted.name, entry)
        with part.open("ab") as stream:
            for block in answer.iter_raw():
                stream.write(block)
                if job.watch is not None:
                    job.watch(wanted.name, stream.tell(), n_total)
        n_bytes = _size(part)
        if n_total is not None and n_bytes != n_total:
            raise Again(_broken(url, f"{n_bytes:,} of {n_total:,} bytes"))
        if n_bytes == 0:
            raise Again(BadAnswerError("the answer is empty", where=url, found="0 bytes, each time"))
        return entry

    return take


def _broken(url: str, found: str) -> UnreachableServiceError:
    return UnreachableServiceError(
        "the file does not come whole", where=url, found=found, remedy="try again: what came is kept"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
