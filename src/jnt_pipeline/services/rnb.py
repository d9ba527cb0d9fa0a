"""Buildings of communes from the API of the RNB (*référentiel national des bâtiments*).

One JSON file per commune, as the API writes its pages: ``{"next": null, "results": […]}``, sorted by id. For a whole
département, take the bulk file of data.gouv.fr with ``service: files``.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.content import parsed_json
from jnt_pipeline.services.job import CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.pages import Page, all_pages, bad_answer, put_answers, require_distinct
from jnt_pipeline.services.session import Answer, Request
from jnt_pipeline.services.transfer import here

__all__ = ["RnbDownload"]

PAGE = 100
"""Buildings asked for at once; the API gives no more."""


class RnbDownload(CommunesDownload):
    """All buildings of communes, with their addresses, ids elsewhere, and parcels."""

    usual_address: ClassVar[str] = ADDRESSES["rnb"]
    service: Literal["rnb"] = Field(default="rnb", description="Discriminator.")

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """One file per commune."""
        base = self.address()
        return "", [_buildings(code, base, job) for code in self.codes()]


def _buildings(code: str, base: str, job: FetchJob) -> Fetched:
    name = f"rnb-{code}.json"
    params = {"insee_code": code, "limit": str(PAGE), "withPlots": "1"}
    first = Request(url=f"{base}/buildings/", params=params)
    row = here(name, first.full_url, job)
    if row is not None and (row.state == "own" or not job.refresh):
        return row

    def judge(items: list[Any]) -> None:
        if not items:
            raise bad_answer(
                f"the RNB holds no building of {code}",
                first.full_url,
                "0 buildings",
                remedy="check the code: communes that have merged keep one code only",
            )
        require_distinct((item["rnb_id"] for item in items), "a building", first.full_url)

    items, answered_on = all_pages(first, _page, name, job, judge=judge)
    items.sort(key=lambda item: str(item["rnb_id"]))
    lines = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
    content = f'{{"next":null,"results":[\n{lines}\n]}}\n'.encode()
    return put_answers(name, content, job, url=first.full_url, n_records=len(items), answered_on=answered_on)


def _page(answer: Answer, n_before: int) -> Page:
    del n_before
    document = parsed_json(answer.content, answer.url)
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list) or not all(isinstance(item, dict) and item.get("rnb_id") for item in results):
        raise bad_answer("not a page of buildings", answer.url, repr(answer.content[:80]))
    following = document.get("next")
    if following is None:
        return Page(items=results, next=None)
    target = urljoin(answer.url, str(following))
    if urlsplit(target).hostname != urlsplit(answer.url).hostname:
        raise bad_answer("the next page is on another host", answer.url, target)
    # behind a proxy, the API has been seen to write http:// in its links
    target = target.replace("http://", "https://", 1) if answer.url.startswith("https://") else target
    return Page(items=results, next=Request(url=target))
