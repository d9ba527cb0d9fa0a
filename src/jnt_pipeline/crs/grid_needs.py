"""Which grids a reference or a territory needs, and what needs a grid (*grilles nécessaires*)."""

from __future__ import annotations

import unicodedata

from jnt_pipeline.crs.france.grid_table import KNOWN_GRIDS
from jnt_pipeline.crs.france.territories import (
    ALL_SYSTEMS,
    HEIGHT_GRIDS,
    PINS,
    TERRITORIES,
    FrenchTerritory,
    expected_grid,
    french_name,
    height_grids_of,
)
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import canonical, system
from jnt_pipeline.errors import ConfigError

__all__ = ["grids_of_territories", "grids_of_territory", "grids_used_from", "need_of", "territories_named"]


def grids_used_from(reference: Reference | str) -> tuple[str, ...]:
    """Grids by which coordinates in ``reference`` leave for another datum or for heights above the ellipsoid.

    Empty where none is needed (plane coordinates of a modern datum) or none exists.
    Raises ``CrsError`` as ``canonical``.
    """
    start = system(canonical(reference))
    found: set[str] = set()
    datum = start.datum_code
    for pin in PINS:
        if datum in pin.datums:
            found |= {pin.grid} if pin.grid else set()
            datum = pin.pivot
            break
    vertical = start.reference.vertical
    if vertical is not None:
        name = ALL_SYSTEMS[datum].datum if datum in ALL_SYSTEMS else ""
        expected = expected_grid(vertical, name)
        found |= {expected} if expected else {row.grid for row in height_grids_of(vertical)}
    return tuple(sorted(found))


def grids_of_territory(territory: FrenchTerritory) -> tuple[str, ...]:
    """Grids that any transformation of the table may read in one territory; superseded editions are not among them."""
    found = {row.grid for row in HEIGHT_GRIDS if row.vertical in territory.verticals}
    found |= {pin.grid for pin in PINS if pin.grid and pin.datums & set(territory.horizontals)}
    found |= {name for name in territory.grids if _relates_datums(name)}
    return tuple(sorted(found))


def grids_of_territories() -> tuple[str, ...]:
    """Grids that all territories of the table need together: what ``jnt grids sync`` brings."""
    return tuple(sorted({name for territory in TERRITORIES for name in grids_of_territory(territory)}))


def territories_named(text: str) -> tuple[FrenchTerritory, ...]:
    """Territories by French name, a part of it, or three-letter code: ``Réunion``, ``corse``, ``GLP``.

    Raises ``ConfigError`` listing those there are.
    """
    wanted = _plain(text)
    exact = tuple(one for one in TERRITORIES if wanted in {_plain(one.name), one.code.lower()})
    found = exact or tuple(one for one in TERRITORIES if wanted and wanted in _plain(one.name))
    if not found:
        raise ConfigError(
            "no French territory of that name",
            where="--territory",
            found=text,
            expected=", ".join(f"{one.name} ({one.code})" for one in TERRITORIES),
            remedy="write one of these names, or its three letters",
        )
    return found


def need_of(name: str) -> str:
    """What needs a grid, in words; empty for one that no transformation of the table reads."""
    heights: dict[str, list[str]] = {}
    for row in HEIGHT_GRIDS:
        if row.grid == name:
            heights.setdefault(row.vertical, []).append(row.datum)
    words = [f"{french_name(vertical)} on {', '.join(datums)}" for vertical, datums in heights.items()]
    words += [f"{', '.join(_datum_names(pin.datums))} to other datums" for pin in PINS if pin.grid == name]
    if not words and _relates_datums(name) and any(name in territory.grids for territory in TERRITORIES):
        words = [KNOWN_GRIDS[name].relation]
    return "; ".join(words)


def _datum_names(codes: frozenset[str]) -> list[str]:
    return sorted({ALL_SYSTEMS[code].datum for code in codes if code in ALL_SYSTEMS})


def _relates_datums(name: str) -> bool:
    known = KNOWN_GRIDS.get(name)
    return known is not None and "geocentric translations" in known.relation


def _plain(text: str) -> str:
    """Without accents and case: people write Reunion."""
    decomposed = unicodedata.normalize("NFD", text.strip().lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
