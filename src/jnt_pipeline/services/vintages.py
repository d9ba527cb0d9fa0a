"""Vintages (*millésimes*) of the cadastre, read from the index of the service: their rhythm cannot be computed."""

from __future__ import annotations

import re

from jnt_pipeline.services.content import not_empty_page
from jnt_pipeline.services.job import FetchJob
from jnt_pipeline.services.pages import bad_answer
from jnt_pipeline.services.session import Request

__all__ = ["LATEST", "links_of", "resolved_vintage"]

LATEST = "latest"
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_LINK = re.compile(r"""href\s*=\s*["']([^"'?#]+)["']""", flags=re.IGNORECASE)


def resolved_vintage(vintage: str, base_url: str, job: FetchJob) -> str:
    """A date; ``latest`` is the last one of the index, noted in the register so that the next run needs no network.

    With ``refresh``, the index is read again.
    """
    if vintage != LATEST:
        return vintage
    name = f"{LATEST} {base_url}"
    known = job.ledger.resolved(name)
    if known is not None and not job.refresh:
        return known
    days = sorted(link for link in links_of(base_url + "/", job) if _DAY.fullmatch(link))
    if not days:
        raise bad_answer(
            "the index lists no vintage",
            base_url + "/",
            "no link of the form YYYY-MM-DD/",
            "a page with one folder per vintage",
            "state the vintage as a date; if the service has moved, state its address as `base_url`",
        )
    job.ledger.resolve(name, days[-1])
    return days[-1]


def links_of(url: str, job: FetchJob) -> tuple[str, ...]:
    """Last parts of the links of an index page, without slashes, in its order."""
    answer = job.session.get(Request(url=url))
    not_empty_page(answer.content, url)
    found = _LINK.findall(answer.content.decode("utf-8", "replace"))
    return tuple(dict.fromkeys(name for link in found if (name := link.rstrip("/").rsplit("/", 1)[-1])))
