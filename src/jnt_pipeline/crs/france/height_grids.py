"""Which grid relates which vertical system to which ellipsoid (*grilles de conversion altimétrique*)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HEIGHT_GRIDS", "HeightGrid", "expected_grid", "height_grids_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightGrid:
    """One grid: height above the ellipsoid minus height above the vertical datum (*ondulation*), metres."""

    vertical: str
    """Vertical system."""
    datum: str
    """Name of the datum whose ellipsoidal heights it relates: ``RGF93 v2b``."""
    ellipsoidal: str
    """The 3D geographic system of that datum, which is also where the grid is interpolated."""
    grid: str
    """File name."""
    source: str
    """Who says so."""


# PROJ 9.5.1 holds all of these but the three whose source says otherwise.
_EPSG = "EPSG registry"

_ROWS = (
    ("EPSG:5720", "RGF93 v1", "EPSG:4965", "RAF18", _EPSG),
    ("EPSG:5720", "RGF93 v2", "EPSG:9776", "RAF18", _EPSG),
    ("EPSG:5720", "RGF93 v2b", "EPSG:9781", "RAF20", _EPSG),
    ("EPSG:5721", "RGF93 v2b", "EPSG:9781", "RAC23", _EPSG),
    ("EPSG:5757", "RGAF09", "EPSG:5488", "RAGTBT2016", _EPSG),
    ("EPSG:5616", "RGAF09", "EPSG:5488", "RALS2016", _EPSG),
    ("EPSG:5617", "RGAF09", "EPSG:5488", "RAMG2016", _EPSG),
    ("EPSG:9130", "RGAF09", "EPSG:5488", "RALD2016", _EPSG),
    ("EPSG:5618", "RGAF09", "EPSG:5488", "RALD2016", _EPSG),
    ("EPSG:5756", "RGAF09", "EPSG:5488", "RAMART2016", _EPSG),
    ("EPSG:5619", "RGAF09", "EPSG:5488", "gg10_sbv2", _EPSG),
    ("EPSG:5620", "RGAF09", "EPSG:5488", "gg10_smv2", _EPSG),
    ("EPSG:5755", "RGFG95", "EPSG:4967", "ggguy15", _EPSG),
    ("EPSG:5758", "RGR92", "EPSG:4971", "RAR07_bl", _EPSG),
    ("EPSG:5793", "RGM04", "EPSG:4469", "ggm04v1", "IGN, grille GGM04V1, RGM04 to SHOM 1953 (IGNF registry TSG1159)"),
    ("EPSG:11157", "RGM23", "EPSG:10670", "ggm23v2", "EPSG registry v12 (operation 11159): PROJ 9.7.1"),
    ("EPSG:5792", "RGSPM06", "EPSG:4466", "RASPM2018", _EPSG),
)

HEIGHT_GRIDS = tuple(
    HeightGrid(vertical=vertical, datum=datum, ellipsoidal=solid, grid=f"fr_ign_{name}.tif", source=source)
    for vertical, datum, solid, name, source in _ROWS
)
"""Every relation that a transformation uses. NGF-Lallemand, Guadeloupe 1951 and Martinique 1955 have none. NGF-IGN78
has one for all datums, RAC23: RAC09, which EPSG still lists for RGF93 v2, was replaced (up to 29 cm off)."""


def height_grids_of(vertical: str) -> tuple[HeightGrid, ...]:
    """All grids of a vertical system, one per datum; empty when no grid relates it to an ellipsoid."""
    return tuple(row for row in HEIGHT_GRIDS if row.vertical == vertical)


def expected_grid(vertical: str, datum: str) -> str | None:
    """The grid that relates a vertical system to the ellipsoid of one datum; None where there is none.

    Parameters
    ----------
    datum
        Its name in the table: ``RGF93 v2b``.
    """
    return next((row.grid for row in height_grids_of(vertical) if row.datum == datum), None)
