"""Flow: the four others in order, from the base layers of a territory up to the feed of its hypervisor."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from assemble import assemble
from fetch import fetch
from ingest import ingest
from jnt_pipeline.config import read_config
from jnt_pipeline.pipeline import RunReport
from jnt_pipeline.runner import NOTHING_DONE
from jnt_pipeline.stages import Stage
from jnt_pipeline.stages.export import require_transformations
from publish import publish


@flow(name="jnt-territory", persist_result=False)
def territory(config: str, workspace: str, until: Stage = Stage.DELIVER, refresh: bool = False) -> RunReport:
    """Make or refresh the twin that the YAML file ``config`` describes, in the folder ``workspace``."""
    if until.reaches(Stage.EXPORT):
        twin = read_config(Path(config))
        require_transformations(twin.publication, twin.reference, twin.undulation)
    units, delivery, fetched = NOTHING_DONE, None, fetch(config, refresh)
    if until.reaches(Stage.INGEST):
        units += ingest(config, workspace)
    if until.reaches(Stage.ASSEMBLE):
        units += assemble(config, workspace)
    if until.reaches(Stage.EXPORT):
        published = publish(config, workspace, deliver=until.reaches(Stage.DELIVER))
        units, delivery = units + published.units, published.delivery
    return RunReport(workspace=Path(workspace), units=units, fetched=fetched, delivery=delivery)
