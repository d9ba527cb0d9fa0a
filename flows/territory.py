"""Flow: the three others in order, from the base layers of a territory up to the feed of its hypervisor."""

from __future__ import annotations

from prefect import flow

from assemble import assemble
from ingest import ingest
from jnt_pipeline.runner import StageReport
from jnt_pipeline.stages import Stage
from publish import publish


@flow(name="jnt-territory", persist_result=False)
def territory(config: str, workspace: str, until: Stage = Stage.DELIVER) -> StageReport:
    """Make or refresh the twin that the YAML file ``config`` describes, in the folder ``workspace``."""
    report = ingest(config, workspace)
    if until.reaches(Stage.ASSEMBLE):
        report += assemble(config, workspace)
    if until.reaches(Stage.EXPORT):
        report += publish(config, workspace, deliver=until.reaches(Stage.DELIVER))
    return report
