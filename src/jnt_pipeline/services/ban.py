"""Addresses of communes from the BAN (*base adresse nationale*): the file of the département, cut to the communes.

The file of the département is kept (``….kept``), so that a refresh asks whether there is a newer one, and its other
communes cost nothing.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.content import gzip_text
from jnt_pipeline.services.insee import cadastral_codes, departement
from jnt_pipeline.services.job import CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.ledger import Entry
from jnt_pipeline.services.pages import bad_answer
from jnt_pipeline.services.transfer import Wanted, bring, here, put
from jnt_pipeline.services.vintages import LATEST

__all__ = ["BanDownload"]

_COMMUNE = "code_insee"


class BanDownload(CommunesDownload):
    """Addresses of communes, one CSV file per commune."""

    usual_address: ClassVar[str] = ADDRESSES["ban"]
    service: Literal["ban"] = Field(default="ban", description="Discriminator.")
    vintage: str = Field(
        default=LATEST, pattern=r"^(latest|\d{4}-\d{2}-\d{2})$", description="Edition, YYYY-MM-DD, or latest."
    )

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """The file of each département, and what it holds of the communes."""
        base = self.address()
        rows: list[Fetched] = []
        codes = self.codes()
        for place in dict.fromkeys(departement(code) for code in codes):
            whole = Wanted(
                name=f"adresses-{place}.csv.gz.kept",
                url=f"{base}/{self.vintage}/csv/adresses-{place}.csv.gz",
                check=gzip_text,
                vintage="" if self.vintage == LATEST else self.vintage,
                is_kept=True,
            )
            source = bring(whole, job)
            rows.append(source)
            rows += [_commune(code, source, job) for code in codes if departement(code) == place]
        return whole.vintage, rows


def _commune(code: str, whole: Fetched, job: FetchJob) -> Fetched:
    name = f"adresses-{code}.csv.gz"
    origin = f"{whole.url}#{_COMMUNE}={code}&sha256={whole.sha256}"
    row = here(name, origin, job)
    if row is not None:
        return row
    wanted = frozenset((code, *cadastral_codes([code])))
    content, n_records = _selected(job.folder / whole.name, wanted, whole.url)
    if not n_records:
        raise bad_answer(
            f"the file of the département holds no address of {code}",
            whole.url,
            f"0 rows with {_COMMUNE} in {', '.join(sorted(wanted))}",
            remedy="check the code: communes that have merged keep one code only",
        )
    known = job.ledger.entry(whole.name)
    entry = Entry(
        url=origin,
        sha256="",
        n_bytes=0,
        answered_on=known.answered_on if known else "",
        last_modified=known.last_modified if known else "",
        vintage=known.vintage if known else "",
        n_records=n_records,
    )
    return put(name, content, entry, job)


def _selected(path: Path, codes: Iterable[str], url: str) -> tuple[bytes, int]:
    """Header and rows of communes, packed with the same bytes each time, and their number."""
    text = io.StringIO()
    n_records = 0
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=";")
        writer = csv.writer(text, delimiter=";", lineterminator="\n")
        header = next(reader, [])
        if _COMMUNE not in header:
            raise bad_answer("not a file of addresses", url, f"columns {', '.join(header)[:200]}", f"column {_COMMUNE}")
        position = header.index(_COMMUNE)
        writer.writerow(header)
        for row in reader:
            if len(row) > position and row[position] in codes:
                writer.writerow(row)
                n_records += 1
    return gzip.compress(text.getvalue().encode(), mtime=0), n_records
