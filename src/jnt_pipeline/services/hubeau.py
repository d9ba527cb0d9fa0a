"""Hydrometric stations from Hub'Eau (*référentiel hydrométrique*), as the three tables that ``kind: sensors`` reads.

What a station measures is told by its observations alone; so ``datastreams.csv`` and ``observations.csv`` hold their
header alone. The altitude of the zero of the scale stays out: the register is not sure of its unit, and names its datum
by a code of its own. HTTP 206 is how the service says that there are more pages.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any, ClassVar, Literal

from pydantic import Field
from shapely.geometry import box as square

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs import transform_geometries, transformation
from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.communes import place_of
from jnt_pipeline.services.content import parsed_json
from jnt_pipeline.services.job import Absent, CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.ledger import Entry
from jnt_pipeline.services.pages import Page, all_pages, bad_answer, put_answers, require_distinct
from jnt_pipeline.services.session import Answer, Request
from jnt_pipeline.services.transfer import here, put

__all__ = ["HubeauDownload"]

PAGE = 1000
DEPTH = 20_000
"""Records that the service gives by paging, page × size; beyond, it answers 400."""

_STATIONS = ("station_id", "station_name", "station_type", "longitude", "latitude", "elevation_m")
_EMPTY = {
    "datastreams.csv": ("datastream_id", "station_id", "observed_property", "unit", "datastream_name"),
    "observations.csv": ("datastream_id", "phenomenon_at", "result"),
}
_ANSWER = "hubeau-stations.json.kept"


class HubeauDownload(CommunesDownload):
    """Hydrometric stations in and around the territory."""

    usual_address: ClassVar[str] = ADDRESSES["hubeau"]
    service: Literal["hubeau"] = Field(default="hubeau", description="Discriminator.")
    around_m: float = Field(
        default=0.0, ge=0, le=50_000, description="Distance around the area, metres: the river upstream matters too."
    )
    in_service: bool = Field(default=True, description="Only stations that are in service.")

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """The register as it was answered (kept), and the three tables made from it."""
        crs, box = place_of(self.communes, job)
        params = {"bbox": _degrees(crs, box, self.around_m), "format": "json", "size": str(PAGE), "page": "1"}
        if self.in_service:
            params["en_service"] = "true"
        first = Request(url=f"{self.address()}/referentiel/stations", params=params)
        answer = here(_ANSWER, first.full_url, job, is_kept=True)
        if answer is None or (job.refresh and answer.state != "own"):
            answer = _register(first, job)
        rows = json.loads((job.folder / _ANSWER).read_bytes())
        if not rows:
            reason = "no station in the area: the tables hold their header alone; `around_m` widens it"
            job.absent.append(Absent(name="stations", reason=reason))
        tables = {"stations.csv": _csv(_STATIONS, [_station(row) for row in rows])}
        tables |= {name: _csv(columns, []) for name, columns in _EMPTY.items()}
        origin = Entry(url=f"{first.full_url}#sha256={answer.sha256}", sha256="", n_bytes=0, n_records=len(rows))
        made = [here(name, origin.url, job) or put(name, text, origin, job) for name, text in tables.items()]
        return "", [answer, *made]


def _register(first: Request, job: FetchJob) -> Fetched:
    def parse(answer: Answer, n_before: int) -> Page:
        document = parsed_json(answer.content, answer.url)
        rows = document.get("data") if isinstance(document, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("code_station") for row in rows):
            raise bad_answer("not a page of stations", answer.url, repr(answer.content[:80]))
        n_matched = document.get("count")
        if isinstance(n_matched, int) and n_matched > DEPTH:
            raise bad_answer(
                "more stations than the service gives by paging",
                answer.url,
                f"{n_matched:,} stations",
                f"{DEPTH:,} at most",
                "ask for a smaller area",
            )
        so_far = n_before + len(rows)
        more = document.get("next") is not None and bool(rows)
        params = dict(first.params) | {"page": str(so_far // PAGE + 1)}
        if more and so_far % PAGE:
            raise bad_answer("a page in the middle is not full", answer.url, f"{len(rows)} of {PAGE} stations")
        return Page(
            items=rows,
            next=Request(url=first.url, params=params) if more else None,
            n_matched=n_matched if isinstance(n_matched, int) else None,
        )

    def judge(rows: list[Any]) -> None:
        require_distinct((row["code_station"] for row in rows), "a station", first.full_url)

    rows, answered_on = all_pages(first, parse, _ANSWER, job, judge=judge)
    rows.sort(key=lambda row: str(row["code_station"]))
    content = (
        "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows) + "\n]\n"
    ).encode()
    return put_answers(
        _ANSWER, content, job, url=first.full_url, n_records=len(rows), answered_on=answered_on, is_kept=True
    )


def _station(row: dict[str, Any]) -> tuple[str, ...]:
    name = row.get("libelle_station") or row.get("libelle_site") or row["code_station"]
    places = (row.get("longitude_station"), row.get("latitude_station"))
    return (str(row["code_station"]), str(name), "hydrometric", *("" if v is None else str(v) for v in places), "")


def _csv(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _degrees(crs: str, box: Bounds, around: float) -> str:
    """West, south, east, north in degrees (WGS 84), of a box with a margin in metres."""
    import numpy as np

    shapes = np.array([square(*box).buffer(around, join_style="mitre").segmentize(1000.0)], dtype=object)
    moved = transform_geometries(shapes, transformation(crs, "EPSG:4326"))
    west, south, east, north = moved[0].bounds
    return f"{west:.5f},{south:.5f},{east:.5f},{north:.5f}"
