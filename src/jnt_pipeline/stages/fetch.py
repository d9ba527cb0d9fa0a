"""Fetch (*télécharger*): fill the folders of the sources that come from a service; what is here stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.services import AnyDownload, FetchReport, Session, Watch, edition_on_disk, fetch

__all__ = ["Fetching", "fetch_sources", "with_editions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How the services are asked."""

    refresh: bool = False
    """Whether to ask for newer editions; otherwise, with everything here, no request is made."""
    watch: Watch | None = None
    """Told of progress: name of the file, bytes here, bytes in all."""
    session: Callable[[], Session] = Session
    """Opens the connections that all downloads of a run share."""


def fetch_sources(config: TwinConfig, how: Fetching | None = None) -> tuple[FetchReport, ...]:
    """What each download did, in the order of the sources; raises ``ServiceError``, ``ConfigError``."""
    how = how or Fetching()
    _require_folders_of_their_own(config)
    if not any(source.download for source in config.sources):
        return ()
    with how.session() as session:
        return tuple(
            fetch(
                source.download,
                source.path,
                reference=config.reference,
                area=config.area,
                session=session,
                refresh=how.refresh,
                watch=how.watch,
            )
            for source in config.sources
            if source.download is not None
        )


def _require_folders_of_their_own(config: TwinConfig) -> None:
    """Two downloads in one folder would set each other's files aside, at each run; one that is said twice would not."""
    filled: dict[Path, AnyDownload] = {}
    for source in config.sources:
        if source.download is None:
            continue
        folder = source.path.resolve()
        if filled.setdefault(folder, source.download) != source.download:
            raise ConfigError(
                "two downloads fill one folder",
                where=source.path,
                found=f"{filled[folder].service} and {source.download.service}",
                expected="a folder for each download: one sets aside what the other brought",
                remedy="give one of the sources another `path`, or name all communes in one download",
            )


def with_editions(config: TwinConfig) -> TwinConfig:
    """The description with the vintage (*millésime*) of what was downloaded, where a source declares none."""
    sources = tuple(
        source.model_copy(update={"vintage": source.vintage or edition_on_disk(source.path)})
        if source.download is not None
        else source
        for source in config.sources
    )
    return config.model_copy(update={"sources": sources})
