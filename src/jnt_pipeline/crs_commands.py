"""The commands ``jnt crs`` and ``jnt grids``: explain a transformation, move files, keep the grids."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = ["crs_app", "grids_app"]

crs_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Coordinates and heights: explain, transform.")
grids_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Geoid and datum grids of this machine.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Territory = Annotated[
    str | None, typer.Option("--territory", help="A French territory: its name or three letters (Corse, REU, GLP…).")
]
For = Annotated[str | None, typer.Option("--for", help="Grids that a reference needs, e.g. EPSG:2975+5758.")]


@crs_app.command("explain")
def crs_explain(
    source: Annotated[str, typer.Argument(metavar="SRC", help="e.g. EPSG:2154+5720")],
    target: Annotated[str, typer.Argument(metavar="DST", help="e.g. EPSG:4979")],
    bbox: Annotated[str | None, typer.Option("--bbox", help="west,south,east,north in degrees.")] = None,
    point: Annotated[str | None, typer.Option("--point", help="longitude,latitude in degrees.")] = None,
    territory: Territory = None,
    as_json: AsJson = False,
) -> None:
    """Say which operation would be used, with which grids, how accurate it is, and where it holds.

    With --bbox, --point or --territory also: whether it holds there. A refused operation is explained; exit code 0.

    Example: jnt crs explain EPSG:2154+5720 EPSG:4979 --point 2.35,48.85
    """
    from jnt_pipeline import crs_reports
    from jnt_pipeline.crs.explain import explain

    box, outline = _place(bbox, point, territory)
    explanation = explain(source, target, bbox=box, outline=outline)
    if as_json:
        typer.echo(explanation.model_dump_json(indent=1))
    else:
        crs_reports.print_explanation(Console(), explanation)


@crs_app.command("transform")
def crs_transform(
    source: Annotated[str, typer.Argument(metavar="SRC", help="e.g. EPSG:2154+5720; auto: what the file states.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="e.g. EPSG:4979")],
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: text from standard input.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write, of the same kind; default: text to standard output.")
    ] = None,
    set_aside: Annotated[
        Path | None, typer.Option("--set-aside", help="CSV for the records that are refused; else one ends the work.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Text: names or numbers (from 1) of x,y or x,y,height.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Text: the character between columns; else found out.")
    ] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Features: which layer of the file.")] = None,
) -> None:
    """Transform a file: text or CSV, GeoPackage, GeoJSON, shapefile, FlatGeobuf, GeoParquet, LAS or LAZ.

    Coordinates are x or longitude first, then y or latitude, then height; all else is kept as it is. What is written is
    written whole or not at all. The operation, its grids and its accuracy go to standard error, and into the file where
    its format has a place for them.

    Exit code 0: written; 1: refused; 2: a usage error; 3: the file cannot be read.

    Example: echo "652760.737 7033791.243" | jnt crs transform EPSG:2154 EPSG:4171
    """
    from jnt_pipeline.crs_files import move_file

    moved = move_file(
        source,
        target,
        file,
        out,
        columns=tuple(part.strip() for part in columns.split(",")) if columns else (),
        delimiter=_one_character(delimiter),
        layer=layer,
        set_aside=set_aside,
    )
    for line in moved.lines():
        typer.echo(line, err=True)


@grids_app.command("list")
def grids_list(reference: For = None, territory: Territory = None, as_json: AsJson = False) -> None:
    """The grids that are known: state on this machine, edition, size, licence, and what needs them.

    Example: jnt grids list --for EPSG:2975+5758
    """
    from jnt_pipeline import crs_reports

    crs_reports.print_grids(Console(), reference=reference, territory=territory, as_json=as_json)


@grids_app.command("sync")
def grids_sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Grid files; default: what French territories need.")
    ] = None,
    reference: For = None,
    territory: Territory = None,
    every: Annotated[bool, typer.Option("--all", help="Every known grid, 2 MB.")] = False,
    base_url: Annotated[str, typer.Option("--from", help="Address that holds the files.")] = "https://cdn.proj.org",
) -> None:
    """Fetch grids, checked against their known checksum; an interrupted one is resumed.

    Exit code 0: all are here and intact; 1: one could not be had, or is not what it should be.

    Example: jnt grids sync --territory Corse
    """
    from jnt_pipeline import crs_reports

    crs_reports.synchronise(Console(), names or (), base_url, reference=reference, territory=territory, every=every)


def _one_character(delimiter: str | None) -> str:
    text = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter or "")
    if len(text) > 1:
        raise ConfigError(
            "a delimiter is one character",
            where="--delimiter",
            found=text,
            expected="; or , or | or tab",
            remedy="write one character, or tab",
        )
    return text


def _place(bbox: str | None, point: str | None, territory: str | None) -> tuple[Bounds | None, BaseGeometry | None]:
    """The box that one of the three options asks for, and the outline of a territory; None when none is given."""
    given = {
        name: text
        for name, text in (("--bbox", bbox), ("--point", point), ("--territory", territory))
        if text is not None
    }
    if len(given) > 1:
        raise ConfigError(
            "more than one place",
            where=" ".join(given),
            found=", ".join(given.values()),
            expected="--bbox, --point or --territory",
            remedy="leave the others out",
        )
    if territory is not None:
        import shapely

        from jnt_pipeline.crs.grid_needs import territories_named

        outline = shapely.union_all([one.outline for one in territories_named(territory)])
        return outline.bounds, outline
    if point is not None:
        lon, lat = _numbers(point, "--point", ("longitude", "latitude"))
        return (lon, lat, lon, lat), None
    if bbox is not None:
        west, south, east, north = _numbers(bbox, "--bbox", ("west", "south", "east", "north"))
        if west > east or south > north:
            raise ConfigError(
                "the box is turned round",
                where="--bbox",
                found=bbox,
                expected="west before east, south before north",
                remedy="write west,south,east,north",
            )
        return (west, south, east, north), None
    return None, None


def _numbers(text: str, option: str, names: tuple[str, ...]) -> tuple[float, ...]:
    """Degrees, comma-separated: longitudes within 180, latitudes within 90."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    limits = [180.0 if name in {"west", "east", "longitude"} else 90.0 for name in names]
    sound = len(values) == len(names) and all(
        math.isfinite(value) and abs(value) <= limit for value, limit in zip(values, limits, strict=True)
    )
    if not sound:
        count = {2: "two", 4: "four"}[len(names)]
        raise ConfigError(
            f"not {'a box' if len(names) == 4 else 'a point'} in degrees",
            where=option,
            found=text,
            expected=",".join(names),
            remedy=f"{count} numbers, commas between them, a point as decimal mark",
        )
    return values
