"""What the ``jnt`` command prints: a run, a twin's status, an intake report."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.pipeline import RunReport
from jnt_pipeline.provenance import Operation, accuracy_text, grids_of
from jnt_pipeline.sources.intake import IntakeReport
from jnt_pipeline.stages.deliver import feed_path
from jnt_pipeline.stages.export import stale_publications
from jnt_pipeline.stages.fetch import Fetching
from jnt_pipeline.store import Workspace
from jnt_pipeline.twin import ASSEMBLED, TwinIndex

__all__ = ["fetching", "print_demo", "print_intake", "print_reasons", "print_run", "print_status", "twin_status"]

_MARKS = {"sound": "sound", "defects": "DEFECTS", "unreadable": "UNREADABLE"}


@contextmanager
def fetching(console: Console, *, refresh: bool) -> Iterator[Fetching]:
    """How services are asked, with a line for each file that comes, where a person looks on."""
    columns = (TextColumn("{task.description:>40}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, TaskID] = {}
        lock = Lock()

        def watch(name: str, n_bytes: int, n_in_all: int | None) -> None:
            with lock:
                if name not in tasks:
                    tasks[name] = progress.add_task(name[-40:], total=n_in_all)
                progress.update(tasks[name], completed=n_bytes, total=n_in_all)

        yield Fetching(refresh=refresh, watch=watch)


def print_reasons(console: Console, reasons: Mapping[str, str], verb: str) -> None:
    """One line for each unit, with why it is made."""
    for unit, reason in reasons.items():
        console.print(f"{unit}: {verb} ({reason})", highlight=False, markup=False)


def print_run(console: Console, report: RunReport) -> None:
    """What a run did, in a few lines."""
    made, skipped = len(report.units.made), len(report.units.skipped)
    console.print(f"{report.workspace}: {made} units made, {skipped} there already", highlight=False)
    for fetched in report.fetched:
        brought = sum(file.state in {"downloaded", "resumed", "renewed"} for file in fetched.files)
        edition = f", edition {fetched.vintage}" if fetched.vintage else ""
        console.print(
            f"{fetched.service}: {len(fetched.files)} files, {brought} of them new{edition}"
            + "".join(f"\n  not there: {absent.name} ({absent.reason})" for absent in fetched.absent),
            highlight=False,
            markup=False,
        )
    if report.delivery is not None:
        delivery = report.delivery
        console.print(
            f"feed: {delivery.stored:,} new observations ({delivery.repeated:,} known already),"
            f" {delivery.raised} alerts raised, {delivery.cleared} cleared, {delivery.changes_told} changes told",
            highlight=False,
        )


def print_demo(console: Console, config: Path, report: RunReport) -> None:
    """What the demo made, and what to open."""
    print_status(console, twin_status(report.workspace))
    print_run(console, report)
    published = report.workspace / "publication"
    jnt = "jnt" if shutil.which("jnt") else str(Path(sys.argv[0]))
    console.print("\nOpen it:", style="bold")
    for what, how in (
        ("the page and the API", f"{jnt} serve {report.workspace}   then http://127.0.0.1:8000"),
        ("in QGIS", f"{published / 'geoparquet'}/*.parquet, {published / 'cog'}/*.tif"),
        ("in a 3D viewer", f"{published / '3dtiles' / 'tileset.json'}, {published / 'cityjson'}/*.city.json"),
        ("in Python", f'jnt_pipeline.open("{report.workspace}").buildings'),
        ("change it", f"edit {config}, then {jnt} run {config} --workspace {report.workspace} --explain"),
    ):
        console.print(f"  {what:<22}{how}", highlight=False, markup=False, soft_wrap=True)


def twin_status(path: Path) -> dict[str, Any]:
    """The state of a twin as JSON values; raises ``WorkspaceError``."""
    workspace = Workspace.at(path)
    index = TwinIndex.latest(workspace)
    assembled = workspace.root / ASSEMBLED
    current = TwinIndex.read(workspace, ASSEMBLED) if assembled.is_file() else index
    stale = stale_publications(index, current)
    layers = [
        {
            "layer": name,
            "read": entry.counts.read,
            "kept": entry.counts.kept,
            "rejected": entry.counts.rejected,
            "reference": None if entry.reference is None else str(entry.reference),
            "producer": entry.provenance.producer,
            "licence": entry.provenance.licence,
            "vintage": entry.provenance.vintage,
            "accuracy_m": entry.provenance.accuracy_m,
            "warnings": [note for note in entry.provenance.notes if note.startswith("warning: ")],
            "operations": [operation.model_dump(mode="json") for operation in entry.provenance.operations],
        }
        for name, entry in index.layers.items()
    ]
    feed = feed_path(workspace)
    alerts = None
    if feed.is_file():
        with Feed.open(feed) as opened:
            alerts = len(opened.alerts(active_only=True))
    return {
        "name": index.name,
        "title": index.title,
        "reference": str(index.reference),
        "undulation": None if index.undulation is None else index.undulation.model_dump(mode="json"),
        "bbox": list(index.bbox),
        "layers": layers,
        "rasters": {name: len(entry.tiles) for name, entry in index.rasters.items()},
        "publications": {
            kind: {
                "files": len(entry.files),
                "stale": kind in stale,
                "operations": [operation.model_dump(mode="json") for operation in entry.operations],
            }
            for kind, entry in index.publications.items()
        },
        "grids": [grid.model_dump(mode="json") for grid in grids_of(_operations(index))],
        "changes": _changes(index, workspace),
        "quality": _quality(index, workspace),
        "active_alerts": alerts,
    }


def _changes(index: TwinIndex, workspace: Workspace) -> dict[str, dict[str, int]]:
    """Number of changes since the edition before, by layer and type."""
    if "changes" not in index.layers:
        return {}
    table = index.territory(workspace).layer("changes").to_pandas()
    return {
        str(layer): {str(kind): int(n) for kind, n in rows["change_type"].value_counts().sort_index().items()}
        for layer, rows in table.groupby("layer")
    }


def _quality(index: TwinIndex, workspace: Workspace) -> list[dict[str, Any]]:
    """What the quality rules found, errors first."""
    if "quality" not in index.layers:
        return []
    table = index.territory(workspace).layer("quality").to_pandas()
    found = table[table["n_found"] > 0]
    order = found["severity"].map({"error": 0, "warning": 1, "info": 2}).sort_values(kind="stable").index
    columns = ["severity", "rule_code", "layer", "n_found", "n_judged", "message", "record_ids"]
    rows = found.loc[order, columns].to_dict("records")
    return [{str(name): int(v) if str(name).startswith("n_") else v for name, v in row.items()} for row in rows]


def _operations(index: TwinIndex) -> Iterator[Operation]:
    """Every coordinate operation that the twin and its publications hang on."""
    for layer in index.layers.values():
        yield from layer.provenance.operations
    for raster in index.rasters.values():
        yield from raster.provenance.operations
    for publication in index.publications.values():
        yield from publication.operations


def print_status(console: Console, status: Mapping[str, Any]) -> None:
    """The state of a twin: a table of its layers, then what was set aside, made and published."""
    table = Table(title=f"{status['title']} ({status['name']}), {status['reference']}", title_justify="left")
    table.add_column("layer", no_wrap=True)
    table.add_column("kept", justify="right", no_wrap=True)
    table.add_column("set aside", justify="right", no_wrap=True)
    table.add_column("in", no_wrap=True)
    table.add_column("vintage")
    table.add_column("moved to ±", justify="right", no_wrap=True)
    for layer in status["layers"]:
        accuracy = layer["accuracy_m"]
        table.add_row(
            layer["layer"],
            f"{layer['kept']:,}",
            f"{sum(layer['rejected'].values()):,}" if layer["rejected"] else "–",
            _place(layer["reference"], status["reference"]),
            layer["vintage"] or "–",
            _moved(layer["operations"], accuracy),
        )
    console.print(table)
    lines = []
    for layer in status["layers"]:
        if layer["rejected"]:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(layer["rejected"].items()))
            lines.append(f"set aside from {layer['layer']}: {reasons}")
        lines += [f"{layer['layer']}, {note}" for note in layer["warnings"]]
    for name, counts in status["changes"].items():
        told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
        lines.append(f"changed in {name} since the edition before: {told}")
    lines += [
        f"quality {row['severity']} [{row['rule_code']}] {row['layer']}: {row['message']}" for row in status["quality"]
    ]
    if undulation := status["undulation"]:
        lines.append(
            f"declared undulation: {undulation['value_m']:g} m ± {undulation['accuracy_m']:g} m. {undulation['source']}"
        )
    if status["rasters"]:
        lines.append("rasters: " + ", ".join(f"{name} ({n} tiles)" for name, n in status["rasters"].items()))
    for kind, publication in status["publications"].items():
        note = ", STALE: run again" if publication["stale"] else ""
        moved = "".join(
            f", {operation['source']} → {operation['target']} ± {accuracy_text(operation['accuracy_m'])}"
            for operation in publication["operations"]
        )
        lines.append(f"publication {kind}: {publication['files']} files{moved}{note}")
    for grid in status["grids"]:
        edition = f"edition {grid['edition']}, " if grid["edition"] else ""
        lines.append(f"grid {grid['name']}: {edition}SHA-256 {grid['sha256'][:16]}…")
    lines += sorted({f"{grid['attribution']} {grid['licence']}" for grid in status["grids"] if grid["attribution"]})
    if status["active_alerts"] is not None:
        lines.append(f"active alerts: {status['active_alerts']}")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _place(reference: str | None, twin: str) -> str:
    """The reference of a layer, told from the twin's: ``3D``, ``2D``, or its code where it is another one."""
    if reference is None:
        return "–"
    return {twin: "3D", twin.partition("+")[0]: "2D"}.get(reference, reference)


def _moved(operations: Sequence[Mapping[str, Any]], accuracy_m: float | None) -> str:
    """How well a layer's coordinates survived their way into the twin: ``0.5 m``, ``as given``, ``not stated``."""
    if all(operation["source"] == operation["target"] for operation in operations):
        return "as given" if operations else "–"
    return accuracy_text(accuracy_m)


def print_intake(console: Console, reports: Sequence[IntakeReport]) -> None:
    """Intake reports, one block a file."""
    for report in reports:
        console.print(f"{report.file}: {report.kind}, {_MARKS[report.verdict]}", style="bold", markup=False)
        for name, value in report.facts.items():
            console.print(f"  {name}: {_plain(value)}", highlight=False, markup=False, soft_wrap=True)
        for finding in report.findings:
            console.print(f"  {finding.severity} [{finding.code}] {finding.message}", highlight=False, markup=False)
            if finding.remedy:
                console.print(f"    remedy: {finding.remedy}", highlight=False, markup=False)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
