"""Flow: fill the folders of the sources that come from a service (*téléchargement*)."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from jnt_pipeline.config import read_config
from jnt_pipeline.services import FetchReport
from jnt_pipeline.stages.fetch import Fetching, fetch_sources


@flow(name="jnt-fetch", persist_result=False)
def fetch(config: str, refresh: bool = False) -> tuple[FetchReport, ...]:
    """Bring what is not there yet; with ``refresh``, newer editions too."""
    return fetch_sources(read_config(Path(config)), Fetching(refresh=refresh))
