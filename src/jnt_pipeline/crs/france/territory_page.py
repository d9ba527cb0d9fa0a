"""The page of the documentation about territories, written from the table (*tableau des territoires*)."""

from __future__ import annotations

import sys

from jnt_pipeline.crs.france.territories import (
    ALL_SYSTEMS,
    COMPOUNDS,
    TERRITORIES,
    FrenchSystem,
    FrenchTerritory,
    height_grids_of,
)

__all__ = ["territory_page"]

_HEAD = """# French territories, their systems and their grids

This page is written from the tables in `jnt_pipeline.crs.france`; a test compares them. Codes are EPSG codes.

**legal**: named by the arrêté of 5 March 2019 (décret 2019-165), in its realisation of today. **in use**: an earlier
realisation of a legal system, a successor that IGN publishes since, or a European or worldwide system. **former**:
replaced; it is read, and should not be written.

- The **outline** of a territory decides where its heights are given. EPSG's areas of use are rectangles: Turin and
  Geneva lie inside that of NGF-IGN69. Each outline stays at least the stated distance outside the coast or the border.
- A pair of references that hold nowhere together is refused before any operation is looked for.
- Systems are compared as codes, never as names: PROJ changes its names.
- Where EPSG registered no compound code, write both: `EPSG:2975+5758`.

## At a glance

| Territory | Code | Legal reference | Compound | Grid | Outline, at least |
|---|---|---|---|---|---|
"""

_FOOT = """
## Worth knowing

- **RGF93** is one legal system in three realisations, v1, v2 and v2b, some millimetres apart. NGF-IGN69 goes through
  RAF18 for v1 and v2, through RAF20 for v2b: 0.4 to 2 cm apart.
- **Corsica** goes through RAC23 for all realisations. RAC09, which EPSG still lists for v2, is up to 29 cm off.
- **NTF** always goes through the grid GR3DF97A: the three parameters that PROJ prefers towards WGS 84 are 0.4 to 4 m
  off.
- **Guadeloupe** has four legal vertical systems, one per island or group of islands: heights
  of Grande-Terre are refused on La Désirade.
- **Guyane** is in UTM 22N as a whole, though EPSG ends that zone at 54° W.
- **Mayotte** moved from 2018 on. RGM04 and RGM23 are related by the grid RGM04versRGM23, which moves heights above the
  ellipsoid too. MAYO53 ("Mayotte 1950" at EPSG) goes through GGM04V1, for which EPSG registered no operation. IGN 2023
  (EPSG:11157) needs PROJ 9.7.1.
- **Réunion 1947** to RGR92 and back are two sets of parameters: there and back again is 9 cm off.
- **NGF-Lallemand, Guadeloupe 1951, Martinique 1955**: no grid relates them to anything. Their heights are refused.
"""


def _number(code: str) -> str:
    return code.removeprefix("EPSG:")


def _grid(name: str) -> str:
    return name.removeprefix("fr_ign_").removesuffix(".tif")


def _glance(territory: FrenchTerritory) -> str:
    horizontal, vertical = territory.legal
    compound = COMPOUNDS.get((horizontal, vertical), "")
    grids = ", ".join(_grid(row.grid) for row in height_grids_of(vertical)[-1:])
    return (
        f"| {territory.name} | {territory.code} | {_number(horizontal)}+{_number(vertical)} | {_number(compound)} "
        f"| {grids} | {territory.buffer_km:g} km |"
    )


def _section(territory: FrenchTerritory) -> list[str]:
    lines = [f"\n### {territory.name}\n", f"Source: {territory.source}.\n"]
    lines += ["| EPSG | Name | Kind | Status | Grids |", "|---|---|---|---|---|"]
    for code in (*territory.horizontals, *territory.verticals):
        row = ALL_SYSTEMS[code]
        lines.append(f"| {_number(code)} | {row.name} | {row.kind} | {row.status} | {_relations(row)} |")
    return lines


def _relations(row: FrenchSystem) -> str:
    if row.kind != "vertical":
        return ""
    said = [f"{_grid(one.grid)} ({one.datum})" for one in height_grids_of(row.code)]
    if row.minimal_proj:
        said.append(f"PROJ {row.minimal_proj} or newer")
    return ", ".join(said) or "none: refused"


def territory_page() -> str:
    """The whole page, Markdown, the same for the same table."""
    lines = [_HEAD.rstrip("\n"), *(_glance(territory) for territory in TERRITORIES)]
    lines += ["\n## Territory by territory"]
    for territory in TERRITORIES:
        lines += _section(territory)
    lines += ["\n## Compound codes\n", "| EPSG | Horizontal | Vertical | Name |", "|---|---|---|---|"]
    lines += [
        f"| {_number(code)} | {_number(horizontal)} | {_number(vertical)} | {ALL_SYSTEMS[code].name} |"
        for (horizontal, vertical), code in COMPOUNDS.items()
    ]
    lines += ["\n## Systems of the whole world\n", "| EPSG | Name | Kind |", "|---|---|---|"]
    listed = {code for territory in TERRITORIES for code in (*territory.horizontals, *territory.verticals)}
    lines += [
        f"| {_number(row.code)} | {row.name} | {row.kind} |"
        for row in ALL_SYSTEMS.values()
        if row.code not in listed and row.kind != "compound"
    ]
    return "\n".join(lines) + "\n" + _FOOT


if __name__ == "__main__":
    sys.stdout.write(territory_page())
