"""The ``jnt`` command: each stage, check and service of the toolkit from a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from jnt_pipeline.crs_commands import crs_app, grids_app
from jnt_pipeline.errors import JntError
from jnt_pipeline.stages import Stage

if TYPE_CHECKING:
    from jnt_pipeline.runner import LocalRunner

__all__ = ["app", "main"]

app = typer.Typer(
    name="jnt",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Territorial digital twins: from base layers (données socles) up to the hypervisor.\n\n"
    "Start with `jnt demo`. Every command has --help with an example; --debug shows the traceback of an error.",
)
sample_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Synthetic territories, of any size.")
app.add_typer(sample_app, name="sample")
app.add_typer(crs_app, name="crs")
app.add_typer(grids_app, name="grids")

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file that describes the territory.")]
WorkspacePath = Annotated[Path, typer.Argument(metavar="WORKSPACE", help="Folder of the twin.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=256, help="Units of work done at the same time.")]
N_WORKERS = os.cpu_count() or 1


class Engine(StrEnum):
    """What executes the units of work."""

    local = "local"
    prefect = "prefect"


def main() -> None:
    """Entry point: errors a user can act on become one readable block on standard error, and an exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app(args=arguments)
    except JntError as error:
        if debug:
            raise
        _fail(error)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        sys.exit(1)


def _fail(error: JntError) -> NoReturn:
    print(f"jnt: error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


def _console() -> Console:
    return Console(stderr=True)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the sample and its twin go.")] = Path("jnt-demo"),
    workers: Workers = N_WORKERS,
) -> None:
    """Make the sample territory `rive`, run it end to end, and say what to open.

    Example: jnt demo --folder /tmp/demo
    """
    from jnt_pipeline import pipeline, reports, samples

    sample, config = folder / "sample_data" / "rive", folder / "rive.yaml"
    if not config.exists():
        _console().print(f"Making the sample territory in {sample} …")
        samples.make_sample("rive", sample)
        _write_text(config, samples.sample_config("rive", "sample_data/rive"))
    report = pipeline.run(config, folder / "twin", runner=_local(workers))
    reports.print_demo(Console(), config, report)


@sample_app.command("make")
def sample_make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Sample territory: rive, lagon or bourg.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; default: sample_data/NAME.")] = None,
    size_km: Annotated[
        float | None,
        typer.Option(
            "--size-km",
            min=0.5,
            max=5,
            help="Kilometres on each side of the seam; 1: two whole tiles; default: clipped. Not for bourg.",
        ),
    ] = None,
    density: Annotated[
        float | None,
        typer.Option("--density", min=0.5, max=50, help="LiDAR pulses per square metre; default: 10; bourg: 5."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Another seed gives another place.")] = None,
) -> None:
    """Write a synthetic territory in the producers' formats, with its truth beside it.

    rive is a town on the Loire in Lambert-93 and NGF-IGN69, lagon a coast of La Réunion in UTM 40S and REUN89, bourg a
    village with the past in its files: EDIGÉO in CC46, a PLU in NTF, registers that disagree, two editions.

    Example: jnt sample make lagon --size-km 1 --density 10 --out /tmp/lagon
    """
    from jnt_pipeline import samples

    folder = out or Path("sample_data") / name
    samples.make_sample(name, folder, seed=seed, size_km=size_km, density=density)
    config = folder.parent / f"{name}.yaml"
    print(f"{folder}: sample territory {name}")
    if not config.exists():
        _write_text(config, samples.sample_config(name, folder.name, size_km=size_km))
        print(f"{config}: its description; make the twin with: jnt run {config} --workspace twin-{name}")


@app.command()
def init(
    codes: Annotated[list[str], typer.Argument(metavar="INSEE…", help="INSEE codes of the communes, e.g. 25354.")],
    out: Annotated[Path | None, typer.Option("--out", help="YAML file to write; default: the codes, .yaml.")] = None,
    title: Annotated[str, typer.Option("--title", help="Title that people read.")] = "",
) -> None:
    """Write the description of real communes, with the national base layers filled in.

    Nothing is downloaded yet: `jnt run` does that.

    Example: jnt init 25354 --out luxiol.yaml
    """
    from jnt_pipeline.errors import ConfigError
    from jnt_pipeline.national_config import config_for

    path = out or Path("-".join(codes[:3]) + ".yaml")
    text = config_for(codes, title=title, data=f"{path.stem}-data", file=path.name)
    if path.exists():
        raise ConfigError(
            "the file is there already", where=path, expected="a new file", remedy="name another one with --out"
        )
    _write_text(path, text)
    print(f"{path}: read it, then: jnt run {path} --workspace twin-{path.stem}")


@app.command()
def run(
    config: ConfigPath,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Folder of the twin; default: twin-NAME.")
    ] = None,
    until: Annotated[Stage, typer.Option("--until", help="Last stage to run.")] = Stage.DELIVER,
    engine: Annotated[Engine, typer.Option("--engine", help="local, or Prefect flows.")] = Engine.local,
    workers: Workers = N_WORKERS,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each unit was made.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the services of the sources for newer editions.")
    ] = False,
) -> None:
    """Make or refresh a twin; only what is missing, changed or damaged is made.

    Sources with a `download` are fetched first, where their files are not there yet.

    Example: jnt run config/rive.yaml --workspace twin-rive
    """
    from jnt_pipeline import pipeline, reports
    from jnt_pipeline.config import read_config

    twin = read_config(config)
    folder = workspace or Path(f"twin-{twin.name}")
    if dry_run:
        reasons = pipeline.plan(twin, folder, until=until)
        reports.print_reasons(Console(), reasons, "would be made; what depends on it follows")
        if not reasons:
            print("nothing to make")
        return
    if engine is Engine.prefect:
        from jnt_pipeline.flow_files import load_flow_module

        engine_module = load_flow_module("prefect_engine")
        report = engine_module.run(config, folder, until=until, workers=workers, refresh=refresh)
    else:
        with reports.fetching(_console(), refresh=refresh) as fetching:
            report = pipeline.run(twin, folder, until=until, runner=_local(workers), fetching=fetching)
    if explain:
        reports.print_reasons(Console(), report.units.made, "made")
    reports.print_run(Console(), report)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Source files of any kind.")],
    reference: Annotated[
        str | None,
        typer.Option("--crs", metavar="REF", help="Reference that you declare for LiDAR files, e.g. EPSG:2154+5720."),
    ] = None,
    vertical: Annotated[
        str | None,
        typer.Option(help="Vertical CRS that you declare for files that state none (LiDAR, sensors), e.g. EPSG:5720."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report on source files before anything is built on them: what they hold, and what is wrong.

    Where the numbers contradict the reference that is stated, it says what the file probably is, and why; files of
    one territory are best checked together, as each is evidence for the others. Nothing is corrected.

    Exit code 0: all sound; 1: defects; 3: a file cannot be read.

    Example: jnt check LHD_FXX_0650_6860_PTS_LAMB93_IGN69.copc.laz model.ifc
    """
    from jnt_pipeline import reports
    from jnt_pipeline.crs import canonical
    from jnt_pipeline.sources.check import check_files

    declared = None if reference is None else canonical(reference)
    if vertical is not None:
        vertical = canonical(f"EPSG:4326+{vertical}").vertical  # refuses what is no vertical system
    found = check_files(files, crs=declared, vertical=vertical)
    if as_json:
        print(json.dumps([report.model_dump(mode="json") for report in found], indent=1, ensure_ascii=False))
    else:
        reports.print_intake(Console(), found)
    raise typer.Exit(max(report.exit_code for report in found))


@app.command()
def status(workspace: WorkspacePath, as_json: AsJson = False) -> None:
    """Layers, counts, references, vintages, accuracy, publications, and what is stale.

    Example: jnt status twin-rive
    """
    from jnt_pipeline import reports

    found = reports.twin_status(workspace)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        reports.print_status(Console(), found)


@app.command()
def export(
    workspace: WorkspacePath,
    to: Annotated[str, typer.Option("--to", help="geoparquet, cog, cityjson, 3dtiles or stac.")],
) -> None:
    """Write one publication of an assembled twin, with that exporter's defaults.

    Example: jnt export twin-rive --to cityjson
    """
    from jnt_pipeline.stages.export import export_alone
    from jnt_pipeline.store import Workspace

    Workspace.at(workspace)
    with Workspace.open(workspace) as opened:
        export_alone(to, opened, _local(1))
    print(workspace / "publication" / to)


@app.command()
def serve(
    workspace: WorkspacePath,
    host: Annotated[str, typer.Option("--host", help="A loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8000,
) -> None:
    """Serve the page, the events, the observations and the files of a twin, on this machine only.

    Example: jnt serve twin-rive --port 8080
    """
    from jnt_pipeline import twin
    from jnt_pipeline.hypervisor import server
    from jnt_pipeline.stages.deliver import feed_path
    from jnt_pipeline.store import Workspace

    def announce(address: str) -> None:
        print(f"{address}   (Ctrl-C stops it)", flush=True)

    feed = feed_path(Workspace.at(workspace))
    server.serve(twin.open_twin(workspace), feed, host=host, port=port, announce=announce)


@app.command()
def clean(workspace: WorkspacePath) -> None:
    """Drop results that the twin and its publications no longer need.

    Example: jnt clean twin-rive
    """
    from jnt_pipeline import twin
    from jnt_pipeline.store import Workspace

    Workspace.at(workspace)
    with Workspace.open(workspace) as opened:
        freed = opened.clean(twin.needed_units(opened))
    print(f"{workspace}: {freed / 1e6:.1f} MB given back")


@app.command()
def schema() -> None:
    """JSON Schema of the YAML that describes a territory, for editors.

    Example: jnt schema > config/schema.json
    """
    from jnt_pipeline.config import config_schema

    print(config_schema(), end="")


@app.command()
def doctor(
    as_json: AsJson = False,
    compile_now: Annotated[
        bool, typer.Option("--compile", help="Compile the kernels now; else the first run does, in a minute.")
    ] = False,
) -> None:
    """What this machine has and lacks.

    Example: jnt doctor
    """
    from jnt_pipeline import crs_reports, machine

    if compile_now:
        from jnt_pipeline.stages.hut import compile_kernels

        compile_kernels()

    crs_reports.print_doctor(Console(), machine.machine_findings(), as_json=as_json)


def _write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _local(workers: int) -> LocalRunner:
    from jnt_pipeline.runner import LocalRunner  # late: `jnt --help` stays quick

    return LocalRunner(workers=workers, mode="auto", console=_console())
