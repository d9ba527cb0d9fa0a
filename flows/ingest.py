"""Flow: read the sources of a territory and normalise them into base layers (*données socles*)."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from jnt_pipeline.config import read_config
from jnt_pipeline.runner import StageReport
from jnt_pipeline.stages import ingest as stage
from jnt_pipeline.store import Workspace
from prefect_runner import PrefectRunner


@flow(name="jnt-ingest", persist_result=False)
def ingest(config: str, workspace: str) -> StageReport:
    """Make the base layers that are missing, changed or damaged."""
    with Workspace.open(Path(workspace)) as opened:
        return stage.ingest(read_config(Path(config)), opened, PrefectRunner())
