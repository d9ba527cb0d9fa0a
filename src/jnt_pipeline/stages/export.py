"""Export: let each exporter write the twin into its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.publication import AnyExporter
from jnt_pipeline.runner import NOTHING_DONE, Planned, Runner, StageReport, make_units
from jnt_pipeline.stages.deliver import tell_changes_before
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import ASSEMBLED, TWIN, PublicationEntry, TwinIndex

__all__ = ["export", "export_alone", "stale_publications"]

STEP = "export"


def require_transformations(
    exporters: Sequence[AnyExporter], reference: Reference, undulation: DeclaredUndulation | None
) -> None:
    """Stop before any work is done where an exporter could not take the twin out of its reference.

    Raises ``CrsError``: ``MissingGridError`` names the grid and the remedy.
    """
    for exporter in exporters:
        exporter.transformations(reference, undulation)


def export(exporters: Sequence[AnyExporter], workspace: Workspace, runner: Runner) -> StageReport:
    """Write every publication, then the twin's index that names them; changes of the twin before are told by then.

    Raises ``WorkspaceError`` before ``assemble``, ``ExportError`` when a publication cannot be written.
    """
    index = TwinIndex.read(workspace, ASSEMBLED)
    tell_changes_before(workspace, index)
    return _export(exporters, index, workspace, runner)


def export_alone(kind: str, workspace: Workspace, runner: Runner) -> StageReport:
    """Write one publication with its exporter's defaults; the others stay as they are.

    Raises ``ConfigError`` for an unknown kind, and as ``export``.
    """
    try:
        exporter: AnyExporter = TypeAdapter(AnyExporter).validate_python({"kind": kind})
    except ValidationError as error:
        raise ConfigError(
            "no such exporter", where=kind, found=error.errors()[0]["msg"], remedy="choose one of these kinds"
        ) from error
    index = TwinIndex.read(workspace, ASSEMBLED)
    if (workspace.root / TWIN).is_file():
        before = TwinIndex.read(workspace, TWIN)
        units = (*index.units, *(unit for unit in before.units if unit[0] == STEP and unit[1] != exporter.kind))
        index = index.model_copy(update={"publications": before.publications, "units": units})
    return _export([exporter], index, workspace, runner)


def _export(exporters: Sequence[AnyExporter], index: TwinIndex, workspace: Workspace, runner: Runner) -> StageReport:
    report = NOTHING_DONE
    for describing in (False, True):
        turn = [one for one in exporters if one.describes_publications == describing]
        kinds = {one.kind for one in turn}  # made anew: what is known of them so far is not part of the twin
        others = {kind: entry for kind, entry in index.publications.items() if kind not in kinds}
        index = index.model_copy(update={"publications": others})
        records, done = make_units(workspace, runner, [_plan(one, index, workspace) for one in turn])
        report += done
        entries = {one.kind: _entry(one, records[one.kind], index) for one in turn}
        index = index.model_copy(
            update={
                "publications": {**index.publications, **entries},
                "units": (*index.units, *((r.stage, r.name, r.key) for r in records.values())),
            }
        )
    index.write(workspace, TWIN)
    workspace.forget_planned(STEP)
    workspace.point_publications({kind: entry.folder for kind, entry in index.publications.items()})
    return report


def made_from(exporter: AnyExporter, index: TwinIndex) -> dict[str, str]:
    """Checksums of everything ``exporter`` reads."""
    found = index.checksums(exporter.reads(tuple(index.layers), tuple(index.rasters)))
    if exporter.describes_publications:
        for kind, entry in sorted(index.publications.items()):
            found |= {f"publication/{kind}/{path}": checksum for path, checksum in sorted(entry.outputs.items())}
    return found


def stale_publications(index: TwinIndex, current: TwinIndex) -> tuple[str, ...]:
    """Kinds of publication in ``index`` that would be made anew from the layers of ``current``."""
    stale = []
    for kind, entry in sorted(index.publications.items()):
        exporter: AnyExporter = TypeAdapter(AnyExporter).validate_python(entry.exporter)
        others = {name: other for name, other in index.publications.items() if name != kind}
        now = made_from(exporter, current.model_copy(update={"publications": others}))
        if now != entry.made_from or _identity(current) != entry.twin:
            stale.append(kind)
    return tuple(stale)


def _identity(index: TwinIndex) -> dict[str, Any]:
    """What every publication says of the twin as a whole."""
    return index.model_dump(mode="json", include={"name", "title", "reference", "undulation", "bbox"})


def _plan(exporter: AnyExporter, index: TwinIndex, workspace: Workspace) -> Planned:
    unit = Unit(
        stage=STEP,
        name=exporter.kind,
        version=exporter.version,
        parameters={"exporter": exporter.model_dump(mode="json"), "twin": _identity(index)},
        inputs=made_from(exporter, index),
    )
    return Planned(unit=unit, work=ExportWork(exporter=exporter, index=index, root=workspace.root))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWork:
    """Let one exporter write."""

    exporter: AnyExporter
    index: TwinIndex
    root: Path

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the publication; the facts are its list of files, its counts, and the grids it hangs on."""
        written = self.exporter.write(self.index.territory(Workspace(self.root)), folder)
        return {
            "files": [asdict(file) for file in written.files],
            "records_in": written.records_in,
            "records_out": written.records_out,
            "left_out": written.left_out,
            "operations": [operation.model_dump(mode="json") for operation in written.operations],
            "grids": {grid.name: grid.sha256 for operation in written.operations for grid in operation.grids},
        }


def _entry(exporter: AnyExporter, record: Record, index: TwinIndex) -> PublicationEntry:
    facts = record.facts
    return PublicationEntry(
        folder=record.folder,
        files=tuple(facts["files"]),
        outputs=dict(record.outputs),
        exporter=exporter.model_dump(mode="json"),
        twin=_identity(index),
        made_from=made_from(exporter, index),
        records_in=facts["records_in"],
        records_out=facts["records_out"],
        left_out=facts["left_out"],
        operations=tuple(facts["operations"]),
    )
