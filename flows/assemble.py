"""Flow: derive terrain, buildings and links from the base layers."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from jnt_pipeline.config import read_config
from jnt_pipeline.runner import StageReport
from jnt_pipeline.stages import assemble as stage
from jnt_pipeline.store import Workspace
from prefect_runner import PrefectRunner


@flow(name="jnt-assemble", persist_result=False)
def assemble(config: str, workspace: str) -> StageReport:
    """Assemble the twin from its base layers."""
    with Workspace.open(Path(workspace)) as opened:
        return stage.assemble(read_config(Path(config)), opened, PrefectRunner())
