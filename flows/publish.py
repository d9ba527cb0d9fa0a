"""Flow: write the publications of a twin, and feed its hypervisor."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from jnt_pipeline.config import read_config
from jnt_pipeline.pipeline import RunReport
from jnt_pipeline.stages import deliver as delivery
from jnt_pipeline.stages import export as stage
from jnt_pipeline.store import Workspace
from prefect_runner import PrefectRunner


@flow(name="jnt-publish", persist_result=False)
def publish(config: str, workspace: str, deliver: bool = True) -> RunReport:
    """Export the twin in its standards; then record what is new in the feed."""
    twin = read_config(Path(config))
    with Workspace.open(Path(workspace)) as opened:
        units = stage.export(twin.publication, opened, PrefectRunner())
        delivered = delivery.deliver(twin, opened) if deliver else None
    return RunReport(workspace=Path(workspace), units=units, delivery=delivered)
