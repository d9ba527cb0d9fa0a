"""Services on the network that fill the folder of an ordinary source; one module per service (*sources en ligne*)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from pydantic import Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ServiceError
from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.ban import BanDownload
from jnt_pipeline.services.budgets import Budgets, shared_budgets
from jnt_pipeline.services.cadastre import CadastreEdigeoDownload, CadastreEtalabDownload
from jnt_pipeline.services.communes import area_of_communes
from jnt_pipeline.services.geoplateforme import GeoplateformeWfsDownload
from jnt_pipeline.services.hubeau import HubeauDownload
from jnt_pipeline.services.job import Absent, Fetched, FetchJob, FetchReport, Watch
from jnt_pipeline.services.ledger import KEPT, LEDGER, QUARANTINE, Ledger, quarantine
from jnt_pipeline.services.lidar_hd import LidarHdDownload
from jnt_pipeline.services.listed_files import FilesDownload
from jnt_pipeline.services.rnb import RnbDownload
from jnt_pipeline.services.session import Session

__all__ = [
    "ADDRESSES",
    "LEDGER",
    "QUARANTINE",
    "Absent",
    "AnyDownload",
    "BanDownload",
    "Budgets",
    "CadastreEdigeoDownload",
    "CadastreEtalabDownload",
    "FetchReport",
    "Fetched",
    "FilesDownload",
    "GeoplateformeWfsDownload",
    "HubeauDownload",
    "LidarHdDownload",
    "RnbDownload",
    "Session",
    "Watch",
    "edition_on_disk",
    "fetch",
    "fetch_area",
    "shared_budgets",
]

AnyDownload = Annotated[
    CadastreEtalabDownload
    | CadastreEdigeoDownload
    | GeoplateformeWfsDownload
    | LidarHdDownload
    | RnbDownload
    | BanDownload
    | HubeauDownload
    | FilesDownload,
    Field(discriminator="service"),
]
"""Every service; a new one is added here."""


_EDITION = "edition"


def fetch(
    download: AnyDownload,
    folder: Path,
    *,
    reference: Reference | None = None,
    area: AreaOfInterest | None = None,
    session: Session | None = None,
    refresh: bool = False,
    watch: Watch | None = None,
) -> FetchReport:
    """Fill the folder of a source with what its download declares; what is here and intact is not asked for again.

    Parameters
    ----------
    download
        The declaration.
    folder
        ``path`` of the source; made when it is not there.
    reference, area
        The twin's; needed by services that are asked for a place. Without an area, that of the declared communes.
    session
        Shared by the downloads of a run; None makes one.
    refresh
        Ask the services whether they have something newer. Otherwise, with everything here, no request is made.
    watch
        Told of progress, from any thread.

    Raises
    ------
    ServiceError
        Unreachable, busy, moved, refused, or a bad answer (in quarantine then). What came is kept: run again.
    ConfigError
        The declaration lacks a commune or a place.
    """
    if session is None:
        with Session() as own:
            return fetch(
                download, folder, reference=reference, area=area, session=own, refresh=refresh, watch=watch
            )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    job = FetchJob(
        folder=folder,
        session=session,
        ledger=Ledger(folder),
        reference=reference,
        area=area,
        refresh=refresh,
        watch=watch,
    )
    if download.requests_per_s is not None:
        for address in download.addresses():
            session.budgets.limit(address, download.requests_per_s)
    before = session.n_requests
    vintage, files = download.fetch(job)
    if vintage:
        job.ledger.resolve(_EDITION, vintage)
    _set_aside_others({file.name for file in files}, job)
    return FetchReport(
        service=download.service,
        folder=folder,
        vintage=vintage,
        files=tuple(sorted(files, key=lambda file: file.name)),
        absent=tuple(sorted(job.absent, key=lambda one: (one.name, one.reason))),
        n_requests=session.n_requests - before,
    )


def edition_on_disk(folder: Path) -> str:
    """Edition (*millésime*) of what the last download brought into ``folder``; empty where it has none."""
    return (Ledger(folder).resolved(_EDITION) or "") if folder.is_dir() else ""


def fetch_area(
    communes: tuple[str, ...],
    reference: Reference,
    folder: Path,
    *,
    session: Session | None = None,
    refresh: bool = False,
) -> AreaOfInterest:
    """The box of communes in a reference, with 50 metres around; their outlines are kept in ``folder``.

    Raises ``ServiceError``, ``ConfigError`` (a code that is none).
    """
    if session is None:
        with Session() as own:
            return fetch_area(communes, reference, folder, session=own, refresh=refresh)
    folder.mkdir(parents=True, exist_ok=True)
    job = FetchJob(folder=folder, session=session, ledger=Ledger(folder), refresh=refresh)
    return area_of_communes(communes, reference, dataclasses.replace(job, reference=reference))


def _set_aside_others(names: set[str], job: FetchJob) -> None:
    """Take out of the folder what an earlier download brought and this one does not: a source would still read it."""
    for name in job.ledger.names():
        if name in names or name.endswith(KEPT):
            continue
        error = ServiceError(
            "the file is no longer part of the download",
            where=job.folder / name,
            found="brought earlier, for other communes, layers or another vintage",
            remedy=f"it is kept in {QUARANTINE}/; to use it, take it from there under another name",
        )
        if (job.folder / name).is_file():
            quarantine(job.folder, name, job.folder / name, error)
            job.absent.append(Absent(name=name, reason=f"{error.what}; set aside in {QUARANTINE}/"))
        job.ledger.forget(name)
