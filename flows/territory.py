"""Flow: the three others in order, from the base layers of a territory up to the feed of its hypervisor."""

from __future__ import annotations

from assemble import assemble
from ingest import ingest
from prefect import flow
from publish import publish

from jnt_pipeline.pipeline import STAGES, Stage
from jnt_pipeline.runner import StageReport


@flow(name="jnt-territory", persist_result=False)
def territory(config: str, workspace: str, until: Stage = "deliver") -> StageReport:
    """Make or refresh the twin that the YAML file ``config`` describes, in the folder ``workspace``."""
    last = STAGES.index(until)
    report = ingest(config, workspace)
    if last >= STAGES.index("assemble"):
        report += assemble(config, workspace)
    if last >= STAGES.index("export"):
        report += publish(config, workspace, deliver=until == "deliver")
    return report
