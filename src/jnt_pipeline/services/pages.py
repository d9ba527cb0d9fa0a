"""Answers that come in pages: all of them or an error, continued where a run stopped (*pagination*).

Each page is kept as ``NAME.00001.page`` until the whole is there; the next run goes on after the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jnt_pipeline.disk import remove, write
from jnt_pipeline.errors import BadAnswerError, ServiceError
from jnt_pipeline.services.job import Fetched, FetchJob
from jnt_pipeline.services.ledger import Entry, quarantine
from jnt_pipeline.services.session import Answer, Request
from jnt_pipeline.services.transfer import put

__all__ = ["Page", "all_pages", "bad_answer", "json_lines", "put_answers", "require_distinct"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one answer holds."""

    items: list[Any]
    next: Request | None
    """The request for the next page; None after the last one."""
    n_matched: int | None = None
    """How many items the service says there are on all pages; None: it does not say."""


Parse = Callable[[Answer, int], Page]
"""(answer, items of the pages before it) → page. Raises ``BadAnswerError``."""


def all_pages(
    first: Request, parse: Parse, name: str, job: FetchJob, *, judge: Callable[[list[Any]], None]
) -> tuple[list[Any], str]:
    """Items of all pages, in their order, and the date of the last answer.

    ``judge`` is given all items, and raises ``BadAnswerError`` when they cannot be right. Raises ``ServiceError``;
    ``BadAnswerError`` also when pages go round, or their items are not as many as announced. What cannot be used is in
    quarantine then, and the next run begins with the first page.
    """
    try:
        items, n_matched, answered_on = _read(first, parse, name, job)
        try:
            if n_matched is not None and n_matched != len(items):
                raise bad_answer(
                    "the answers do not hold what the service announced",
                    first.full_url,
                    f"{len(items):,} records",
                    f"{n_matched:,} records",
                )
            judge(items)
        except BadAnswerError as error:
            quarantine(job.folder, name, json_lines(items), error)
            raise
    except BadAnswerError:
        _forget_pages(name, job)
        raise
    return items, answered_on


def _read(first: Request, parse: Parse, name: str, job: FetchJob) -> tuple[list[Any], int | None, str]:
    """Items of all pages, how many were announced, and the date of the last answer."""
    items: list[Any] = []
    request: Request | None = first
    seen: set[str] = set()
    n_matched: int | None = None
    answered_on = ""
    while request is not None:
        url = request.full_url
        if url in seen:
            raise bad_answer("the pages go round and round", url, "a page is asked for a second time")
        seen.add(url)
        kept = job.folder / f"{name}.{len(seen):05d}.page"
        answer = _kept_answer(kept, url)
        is_new = answer is None
        if answer is None:
            answer = job.session.get(request)
        page = _parsed(answer, parse, len(items), name, job)
        answered_on = answer.headers.get("date", "")
        if is_new:
            record = {"url": url, "at": answer.url, "status": answer.status, "date": answered_on}
            write(kept, json.dumps(record).encode() + b"\n" + answer.content)
        n_matched = page.n_matched if n_matched is None else n_matched
        items += page.items
        request = page.next
        if job.watch is not None:
            job.watch(name, len(items), n_matched)
    return items, n_matched, answered_on


def put_answers(
    name: str, content: bytes, job: FetchJob, *, url: str, n_records: int, answered_on: str, vintage: str = "",
    is_kept: bool = False,
) -> Fetched:  # fmt: skip
    """Give the folder the file that was made from pages, and drop them."""
    entry = Entry(
        url=url, sha256="", n_bytes=0, answered_on=answered_on, vintage=vintage, n_records=n_records
    )  # fmt: skip
    row = put(name, content, entry, job, is_kept=is_kept)
    _forget_pages(name, job)
    return row


def require_distinct(keys: Iterable[Hashable], what: str, url: str) -> None:
    """Refuse pages that repeat a record: they are not stable, so that another is missing."""
    seen: set[Hashable] = set()
    twice = [key for key in keys if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    if twice:
        raise bad_answer(
            f"the pages repeat {what}",
            url,
            f"{len(twice)} times, the first is {twice[0]}",
            "each record once: pages without a stable order lose as many records as they repeat",
        )


def json_lines(items: Iterable[Any]) -> bytes:
    """One JSON value a line."""
    return b"".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for item in items)


def bad_answer(what: str, url: str, found: str, expected: str = "", remedy: str = "") -> BadAnswerError:
    """An answer that came and cannot be used."""
    usual = "try again later; if it stays so, the service has changed: look at the address in a browser"
    return BadAnswerError(what, where=url, found=found, expected=expected, remedy=remedy or usual)


def _parsed(answer: Answer, parse: Parse, n_before: int, name: str, job: FetchJob) -> Page:
    try:
        return parse(answer, n_before)
    except ServiceError as error:
        quarantine(job.folder, name, answer.content, error)
        raise


def _kept_answer(path: Path, url: str) -> Answer | None:
    """A page of a run that was stopped, when it answers this very request."""
    if not path.is_file():
        return None
    head, _, content = path.read_bytes().partition(b"\n")
    try:
        record = json.loads(head)
    except ValueError:
        return None
    if record.get("url") != url:
        return None
    return Answer(url=record["at"], status=record["status"], headers={"date": record["date"]}, content=content)


def _forget_pages(name: str, job: FetchJob) -> None:
    for path in sorted(job.folder.glob(f"{name}.*.page")):
        remove(path)
