"""What the ``jnt crs explain``, ``jnt grids`` and ``jnt doctor`` commands print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from jnt_pipeline import crs
from jnt_pipeline.crs.grid_needs import (
    grids_of_territories,
    grids_of_territory,
    grids_used_from,
    need_of,
    territories_named,
)
from jnt_pipeline.errors import ConfigError, MissingGridError
from jnt_pipeline.provenance import accuracy_text

__all__ = ["chosen_grids", "n_of", "print_doctor", "print_explanation", "print_grids", "synchronise"]


def print_explanation(console: Console, explanation: crs.Explanation) -> None:
    """One operation, its grids and accuracy, whether it holds at a place, and what else PROJ proposes."""

    def say(label: str, text: str) -> None:
        first, *rest = text.splitlines() or [""]
        console.print(f"{label:<13}{first}", highlight=False, markup=False, soft_wrap=True)
        for line in rest:
            console.print(f"{'':<13}{line}", highlight=False, markup=False, soft_wrap=True)

    for label, code, french, official in (
        ("from", explanation.source, explanation.source_french_name, explanation.source_name),
        ("to", explanation.target, explanation.target_french_name, explanation.target_name),
    ):
        names = dict.fromkeys(name for name in (french, official) if name != code)
        say(label, f"{code}   {' · '.join(names)}")
    operation = explanation.operation
    if operation is None:
        say("REFUSED", explanation.refusal)
    else:
        say("operation", operation.description)
        stated = " (stated for the operation; that of your data comes on top)" if operation.accuracy_m else ""
        say("accuracy", f"{accuracy_text(operation.accuracy_m)}{stated}")
    for grid in explanation.grids:
        edition = f", edition {grid.edition}" if grid.edition else ""
        size = f", {grid.n_bytes:,} bytes" if grid.n_bytes else ""
        checksum = f", SHA-256 {grid.sha256[:16]}…" if grid.sha256 else ""
        state = grid.state if grid.state == "present" else grid.state.upper()
        say("grid", f"{grid.name}: {state}{edition}{size}{checksum}")
        if grid.relation:
            say("", f"{grid.relation}; {grid.territory}; {grid.licence}")
    for wording in dict.fromkeys(grid.attribution for grid in explanation.grids if grid.attribution):
        say("attribution", wording)
    if explanation.without_grids and (
        operation is not None or any(grid.state != "present" for grid in explanation.grids)
    ):
        say("without it" if len(explanation.grids) == 1 else "without them", explanation.without_grids)
    for area in explanation.valid_in:
        say("valid in", area)
    if (place := explanation.place) is not None:
        west, south, east, north = place.bounds
        corners = (west, south) if (west, south) == (east, north) else place.bounds
        where = ", ".join(f"{value:g}" for value in corners)
        verdicts = {True: "inside", False: f"OUTSIDE: {place.outside}", None: "not judged, there is no operation"}
        say("place", f"{where} ({place.territory or 'in no French territory'}): {verdicts[place.is_inside]}")
    if operation is not None and operation.pipeline:
        say("pipeline", operation.pipeline)
    if not explanation.alternatives and explanation.grids:
        say("PROJ offers", "only approximate operations, or none")
    if explanation.alternatives:
        say("PROJ offers", f"{len(explanation.alternatives)}, in its own order:")
    for rank, other in enumerate(explanation.alternatives, 1):
        grids = ", ".join(f"{grid.name} ({grid.state})" for grid in other.grids) or "no grid"
        say(f"  {rank}", f"{other.description}\n{accuracy_text(other.accuracy_m)}; {grids}; {other.area}")
        say("", "→ used" if other.is_used else f"→ not used: {other.why_not}")
    say("PROJ", f"{explanation.proj_version}; grids looked for in {', '.join(explanation.looked_in)}")


def chosen_grids(names: Iterable[str] = (), *, reference: str | None = None, territory: str | None = None) -> list[str]:
    """Names of grids asked for one by one, by a reference, or by a territory; empty when nothing is asked.

    Raises ``ConfigError`` for an unknown territory, ``CrsError`` for an unknown reference.
    """
    found = list(names)
    if reference is not None:
        found += grids_used_from(reference)
    for one in territories_named(territory) if territory is not None else ():
        found += grids_of_territory(one)
    return list(dict.fromkeys(found))


def print_grids(console: Console, *, reference: str | None, territory: str | None, as_json: bool) -> None:
    """The table of known grids, or of those that a reference or territory needs, with their state here."""
    installed = {grid.name: grid for grid in crs.installed_grids()}
    asked = reference is not None or territory is not None
    names = chosen_grids(reference=reference, territory=territory) if asked else list(crs.KNOWN_GRIDS)
    default = set(grids_of_territories())
    rows: list[dict[str, Any]] = []
    for known in (crs.KNOWN_GRIDS[name] for name in names):
        here = installed.get(known.name)
        rows.append(
            {
                "name": known.name,
                "state": _state(here),
                "edition": known.edition,
                "relation": known.relation,
                "territory": known.territory,
                "needed_for": need_of(known.name),
                "is_default": known.name in default,
                "n_bytes": known.n_bytes,
                "sha256": known.sha256,
                "path": None if here is None else str(here.path),
                "licence": known.licence,
                "attribution": known.attribution,
            }
        )
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    if not rows:
        console.print(f"No grid is needed for {reference or territory}.", highlight=False, markup=False)
        return
    console.print(f"{n_of(len(rows), 'French grid')}: {_counts(rows)}", style="bold", highlight=False)
    needed = [row for row in rows if row["needed_for"]]
    for row in sorted(needed, key=lambda row: (row["territory"], row["name"])):
        _print_grid(console, row, row["needed_for"])
    spare = [row for row in rows if not row["needed_for"]]
    if spare:
        console.print("Of former editions, or of places outside the table of territories:")
    for row in sorted(spare, key=lambda row: (row["territory"], row["name"])):
        _print_grid(console, row, row["relation"])
    _print_credits(console, names)


def _print_grid(console: Console, row: dict[str, Any], use: str) -> None:
    year = row["edition"].partition(" ")[2]
    text = f"{row['name']:<28}{row['state']:<9}{row['n_bytes']:>8,}  {row['territory']}: {use} {year}"
    console.print(f"  {text.rstrip()}", highlight=False, markup=False, soft_wrap=True)


def n_of(n: int, noun: str) -> str:
    """A count with its noun: ``1 grid``, ``2 grids``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _counts(rows: Sequence[dict[str, Any]]) -> str:
    states = [row["state"] for row in rows]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))


def _state(grid: crs.InstalledGrid | None) -> str:
    if grid is None:
        return "missing"
    return "DAMAGED" if grid.is_intact is False else "present"


def _print_credits(console: Console, names: Iterable[str]) -> None:
    """Licence and attribution of these grids, each wording once."""
    known = [crs.KNOWN_GRIDS[name] for name in names if name in crs.KNOWN_GRIDS]
    for licence, attribution in dict.fromkeys((grid.licence, grid.attribution) for grid in known):
        console.print(f"Licence: {licence}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"To show with what you publish: {attribution}", highlight=False, markup=False, soft_wrap=True)


def synchronise(
    console: Console,
    names: Sequence[str],
    base_url: str,
    *,
    reference: str | None = None,
    territory: str | None = None,
    every: bool = False,
) -> None:
    """Fetch grids into the user's folder: those named, needed by a reference or territory, or all that France needs.

    Licence and attribution are shown before anything is fetched. A grid that is intact in another folder of PROJ's path
    is left where it is. Raises ``MissingGridError``, also when a damaged copy in another folder would still be read.
    """
    asked = bool(names) or reference is not None or territory is not None
    if every and asked:
        raise ConfigError(
            "--all leaves nothing to choose",
            where="--all",
            found="--all together with names, --for or --territory",
            expected="one or the other",
            remedy="leave one out",
        )
    wanted = chosen_grids(names, reference=reference, territory=territory)
    if not asked:
        wanted = list(crs.KNOWN_GRIDS) if every else list(grids_of_territories())
    if not wanted:
        console.print(f"No grid is needed for {reference or territory}.", highlight=False, markup=False)
        return
    folder = crs.user_grid_folder()
    installed = {grid.name: grid for grid in crs.installed_grids()}
    here = [name for name in wanted if name in installed and installed[name].is_intact]
    absent = [name for name in wanted if name not in here]
    for name in here:
        console.print(f"{name}: present, {installed[name].path}", highlight=False, markup=False, soft_wrap=True)
    if not absent:
        return
    n_bytes = sum(crs.KNOWN_GRIDS[name].n_bytes for name in absent if name in crs.KNOWN_GRIDS)
    console.print(
        f"{n_of(len(absent), 'grid')}, {n_bytes:,} bytes, from {base_url} into {folder}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    _print_credits(console, absent)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {name: progress.add_task(name, total=crs.KNOWN_GRIDS[name].n_bytes, start=True, visible=False)
                 for name in absent if name in crs.KNOWN_GRIDS}  # fmt: skip
        report = crs.sync_grids(
            absent,
            folder,
            base_url=base_url,
            watch=lambda name, n: progress.update(tasks[name], completed=n, visible=True),
        )
    for grid in report.grids:
        console.print(f"{grid.name}: {grid.state}, {grid.path}", highlight=False, markup=False, soft_wrap=True)
    _require_read(absent)


def _require_read(names: Sequence[str]) -> None:
    """Refuse to end well while a damaged copy in another folder comes first."""
    now = {grid.name: grid for grid in crs.installed_grids()}
    shadowed = [str(now[name].path) for name in names if name in now and now[name].is_intact is False]
    if shadowed:
        raise MissingGridError(
            "the grid is there now, and a damaged copy in a folder that comes first is still read",
            where=shadowed[0],
            found=", ".join(shadowed),
            expected="one intact copy",
            remedy="remove the damaged copy",
        )


def print_doctor(console: Console, findings: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """What this machine has and lacks."""
    if as_json:
        print(json.dumps(findings, indent=1, ensure_ascii=False))
        return
    table = Table("what", "found", "", "remedy")
    for row in findings:
        table.add_row(row["what"], row["found"], "ok" if row["is_fine"] else "LACKING", row["remedy"])
    console.print(table)
