"""WFS 2.0 in whole layers: paged, counted, and shown to lie where it was asked for.

A service cuts an answer at its own maximum (5,000 features at the Géoplateforme) without a word, gives pages in any
order unless told to sort, and takes a box with its axes the other way round without an error: nothing is found then. So
the total is asked for beforehand, the next page starts after what really came, features must be distinct, and every
feature must meet the box.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import MovedAddressError, RefusedRequestError, ServiceError
from jnt_pipeline.services.content import json_features, parsed_json
from jnt_pipeline.services.job import Absent, Fetched, FetchJob
from jnt_pipeline.services.ledger import quarantine
from jnt_pipeline.services.pages import Page, all_pages, bad_answer, put_answers, require_distinct
from jnt_pipeline.services.session import Answer, Request
from jnt_pipeline.services.transfer import here

__all__ = ["WfsQuery", "bring_features"]

PAGE = 5000
"""Features asked for at once; the Géoplateforme gives no more, whatever is asked."""

_MATCHED = re.compile(rb"""numberMatched=["'](\w+)["']""")
_EXCEPTION = re.compile(rb"<(?:\w+:)?ExceptionText>(.*?)</", flags=re.DOTALL)
_UNKNOWN_LAYER = re.compile(r"(feature ?type|type ?name|layer|couche).*(unknown|not found|inconnu)|"
                            r"(unknown|could not find|inconnu).*(feature ?type|type ?name|layer|couche)",
                            flags=re.IGNORECASE | re.DOTALL)  # fmt: skip
_SLACK = 1.0  # a feature may lie that far from the box, units of the system: services round what they compare


@dataclass(frozen=True, slots=True, kw_only=True)
class WfsQuery:
    """The features of one layer that meet a box."""

    base_url: str
    type_name: str
    crs: str
    """System of the box and of the answer; easting or longitude first."""
    box: Bounds
    sort_by: str = ""
    """Attribute that orders the pages."""
    n_page: int = PAGE
    setting: str = "layers"
    """Field of the declaration that names the layer."""

    def request(self, start: int = 0) -> Request:
        """The request for the page that starts after ``start`` features."""
        params = {
            **self._common(self.box),
            "OUTPUTFORMAT": "application/json",
            "SRSNAME": self.crs,
            "COUNT": str(self.n_page),
            "STARTINDEX": str(start),
        }
        if self.sort_by:
            params["SORTBY"] = self.sort_by
        return Request(url=self.base_url, params=params, setting=self.setting)

    def hits(self, box: Bounds) -> Request:
        """The request for their number alone."""
        return Request(url=self.base_url, params={**self._common(box), "RESULTTYPE": "hits"}, setting=self.setting)

    def _common(self, box: Bounds) -> dict[str, str]:
        return {
            "SERVICE": "WFS",
            "VERSION": "2.0.0",
            "REQUEST": "GetFeature",
            "TYPENAMES": self.type_name,
            "BBOX": ",".join(f"{value:.7f}".rstrip("0").rstrip(".") for value in box) + f",{self.crs}",
        }


def bring_features(query: WfsQuery, name: str, job: FetchJob, *, is_kept: bool = False) -> Fetched | None:
    """Bring the features of a query as one GeoJSON file, one feature a line, sorted by id.

    Returns None, with a line in ``job.absent``, when the service holds none in the box.

    Raises
    ------
    MovedAddressError
        The service does not know the layer any more.
    BadAnswerError
        Fewer or more features than announced, features twice, features elsewhere, axes the other way round.
    """
    url = query.request().full_url
    row = here(name, url, job, is_kept=is_kept)
    if row is not None and (row.state == "own" or not job.refresh):
        return row
    n_matched = _count(query.hits(query.box), job, name)
    if n_matched == 0:
        west, south, east, north = query.box
        if _count(query.hits((south, west, north, east)), job, name):
            raise bad_answer(
                "the service reads the axes of the box the other way round",
                url,
                f"0 features in {query.box}, and some with its axes swapped",
                f"easting or longitude first, as {query.crs} is asked",
                "ask in a projected system, such as the twin's",
            )
        job.absent.append(Absent(name=query.type_name, reason="the service holds no feature in the area"))
        return None

    def parse(answer: Answer, n_before: int) -> Page:
        document = _document(answer.content, answer.url, query)
        features = json_features(document, answer.url)
        stated = document.get("numberMatched", document.get("totalFeatures"))
        if isinstance(stated, int) and n_matched is not None and stated != n_matched:
            raise bad_answer(
                "the layer has changed while it was read", answer.url, f"{stated:,} features", f"{n_matched:,} features"
            )
        so_far = n_before + len(features)
        is_last = not features or so_far == n_matched or (n_matched is None and len(features) < query.n_page)
        return Page(items=features, next=None if is_last else query.request(so_far), n_matched=n_matched)

    def judge(features: list[Any]) -> None:
        require_distinct((_key(feature, query) for feature in features), "a feature", url)
        _require_in_box(features, query, url)

    features, answered_on = all_pages(query.request(), parse, name, job, judge=judge)
    features.sort(key=lambda feature: str(_key(feature, query)))
    return put_answers(
        name,
        _collection(features, query),
        job,
        url=url,
        n_records=len(features),
        answered_on=answered_on,
        is_kept=is_kept,
    )


def _count(request: Request, job: FetchJob, name: str) -> int | None:
    """Number of features that match; None when the service does not know it."""
    try:
        answer = job.session.get(request)
    except RefusedRequestError as error:
        raise _named(error, request.params["TYPENAMES"], request.setting) from error
    _refuse_exception(answer.content, answer.url, request.params["TYPENAMES"], request.setting)
    stated = _MATCHED.search(answer.content)
    if stated is None:
        refused = bad_answer("not an answer to how many there are", answer.url, repr(answer.content[:80]))
        quarantine(job.folder, name, answer.content, refused)
        raise refused
    return int(stated[1]) if stated[1].isdigit() else None


def _document(content: bytes, url: str, query: WfsQuery) -> Any:
    _refuse_exception(content, url, query.type_name, query.setting)
    return parsed_json(content, url)


def _refuse_exception(content: bytes, url: str, type_name: str, setting: str) -> None:
    """A WFS says no with HTTP 200 as well."""
    if b"ExceptionReport" in content[:2000]:
        text = _EXCEPTION.search(content)
        words = " ".join((text[1] if text else content[:300]).decode("utf-8", "replace").split())
        raise _named(RefusedRequestError("the service refuses the request", where=url, found=words), type_name, setting)


def _named(error: RefusedRequestError, type_name: str, setting: str) -> ServiceError:
    """A refusal, or the error of a layer that is gone."""
    if not _UNKNOWN_LAYER.search(error.found):
        return error
    return MovedAddressError(
        f"the service does not know the layer {type_name} any more",
        where=error.where,
        found=error.found,
        remedy=f"look for its new name in the service's GetCapabilities and state it as `{setting}`",
    )


def _key(feature: Any, query: WfsQuery) -> Any:
    """What tells a feature from the others: the attribute that orders them, else its id, else all of it."""
    key = (feature.get("properties") or {}).get(query.sort_by) if query.sort_by else None
    key = feature.get("id") if key is None else key
    return json.dumps(feature, sort_keys=True) if key is None else key


def _require_in_box(features: list[Any], query: WfsQuery, url: str) -> None:
    """Every feature meets the box: a box that was ignored or turned round gives features elsewhere."""
    west, south, east, north = query.box
    outside = 0
    for feature in features:
        positions = _numbers((feature.get("geometry") or {}).get("coordinates"))
        if not positions:
            continue  # a record without geometry is the reader's to judge
        xs, ys = [p[0] for p in positions], [p[1] for p in positions]
        meets_x = min(xs) <= east + _SLACK and max(xs) >= west - _SLACK
        outside += not (meets_x and min(ys) <= north + _SLACK and max(ys) >= south - _SLACK)
    if outside:
        raise bad_answer(
            "features do not lie where they were asked for",
            url,
            f"{outside:,} of {len(features):,} outside the box",
            f"features that meet {query.box} in {query.crs}",
            "the service may have swapped the axes, or answered in another system",
        )


def _numbers(coordinates: Any) -> list[Any]:
    if not isinstance(coordinates, list) or not coordinates:
        return []
    if isinstance(coordinates[0], int | float):
        return [coordinates]
    return [position for part in coordinates for position in _numbers(part)]


def _collection(features: list[Any], query: WfsQuery) -> bytes:
    """A GeoJSON file without what changes from answer to answer; its ``crs`` as GeoJSON 2008 names one."""
    code = query.crs.removeprefix("EPSG:")
    name = "urn:ogc:def:crs:OGC:1.3:CRS84" if query.crs in {"EPSG:4326", "CRS:84"} else f"urn:ogc:def:crs:EPSG::{code}"
    crs = json.dumps({"type": "name", "properties": {"name": name}})
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","crs":{crs},"features":[\n{lines}\n]}}\n'.encode()
