"""The pipeline: from the base layers of a territory up to the feed of its hypervisor.

    sources ─read▶ base_layers ─normalise▶ (store) ─assemble▶ territory ─export▶ publication ─deliver▶ hypervisor

Sources that come from a service are fetched into their folders before. This page is the whole story. Each stage plans
its units of work, makes the ones that are missing, changed or damaged, and leaves an index for the next; ``stages/``
holds one module for each verb, and one for each step of ``assemble``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jnt_pipeline.config import TwinConfig, read_config
from jnt_pipeline.hypervisor.feed import Delivery
from jnt_pipeline.runner import NOTHING_DONE, DryRunEnd, DryRunner, LocalRunner, Runner, StageReport
from jnt_pipeline.services import FetchReport
from jnt_pipeline.stages import Stage
from jnt_pipeline.stages.assemble import assemble
from jnt_pipeline.stages.deliver import deliver
from jnt_pipeline.stages.export import export, require_transformations
from jnt_pipeline.stages.fetch import Fetching, fetch_sources
from jnt_pipeline.stages.ingest import ingest
from jnt_pipeline.store import DryWorkspace, Workspace

__all__ = ["RunReport", "plan", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run did."""

    workspace: Path
    units: StageReport
    """Units that were made, with the reason, and those that were there already."""
    delivery: Delivery | None
    """Observations and events that were new to the hypervisor; None when the run ended before."""
    fetched: tuple[FetchReport, ...] = ()
    """What the downloads of the sources did; empty where all sources are files of the user."""


def run(
    config: TwinConfig | str | Path,
    workspace: str | Path,
    *,
    until: Stage | str = Stage.DELIVER,
    runner: Runner | None = None,
    fetching: Fetching | None = None,
) -> RunReport:
    """Make or refresh the twin that ``config`` describes, in the folder ``workspace``.

    A second run with nothing changed makes nothing; after a change only what depends on it; after a crash, what was
    missing. The files are the same bytes each time, whatever the runner. ``fetching`` says how services are asked;
    with everything on disk and no wish for newer editions, none is.

    Raises ``JntError``: ``ConfigError``, ``SourceError``, ``CrsError``, ``SchemaError``, ``AssemblyError``,
    ``ExportError``, ``DeliveryError``, ``WorkspaceError``; nothing half-written remains.
    """
    twin = config if isinstance(config, TwinConfig) else read_config(Path(config))
    last = Stage(until)
    runner = runner or LocalRunner()
    units, delivery = NOTHING_DONE, None
    if last.reaches(Stage.EXPORT):
        require_transformations(twin.publication, twin.reference, twin.undulation)
    with Workspace.open(Path(workspace)) as opened:
        fetched = fetch_sources(twin, fetching)
        if last.reaches(Stage.INGEST):
            units += ingest(twin, opened, runner)
        if last.reaches(Stage.ASSEMBLE):
            units += assemble(twin, opened, runner)
        if last.reaches(Stage.EXPORT):
            units += export(twin.publication, opened, runner)
        if last.reaches(Stage.DELIVER):
            delivery = deliver(twin, opened)
    return RunReport(workspace=Path(workspace), units=units, fetched=fetched, delivery=delivery)


def plan(
    config: TwinConfig | str | Path, workspace: str | Path, *, until: Stage | str = Stage.EXPORT
) -> dict[str, str]:
    """What a run would make, with the reason, as ``step/unit``; nothing is written.

    It ends with the first step that has something to make: later ones depend on it. Raises as ``run``.
    """
    twin = config if isinstance(config, TwinConfig) else read_config(Path(config))
    last, looked_at, runner = Stage(until), DryWorkspace(Path(workspace)), DryRunner()
    try:
        ingest(twin, looked_at, runner)
        if last.reaches(Stage.ASSEMBLE):
            assemble(twin, looked_at, runner)
        if last.reaches(Stage.EXPORT):
            export(twin.publication, looked_at, runner)
    except DryRunEnd as end:
        return end.reasons
    return {}
