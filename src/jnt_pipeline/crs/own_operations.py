"""IGN's operations that PROJ's database lacks, or names by a file that nobody can get (*opérations de l'IGN*).

PROJ runs them all the same, as pipelines of its own steps. Each row says why it is here; a newer PROJ may hold it, and
then gives the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from jnt_pipeline.crs.france.system_table import ALL_SYSTEMS
from jnt_pipeline.crs.grids import found_grid
from jnt_pipeline.crs.operations import PinnedOperation
from jnt_pipeline.crs.systems import System

__all__ = ["OWN_DATUM_LINKS", "OWN_HEIGHT_LINKS", "DatumLink", "HeightLink", "datum_link", "datum_name", "height_link"]


@dataclass(frozen=True, kw_only=True)
class HeightLink:
    """A grid between a vertical system and the ellipsoid of one datum."""

    vertical: str
    """Vertical system."""
    flat: str
    """The datum in two dimensions, where the grid is interpolated."""
    solid: str
    """The datum in three."""
    grid: str
    """File name."""
    accuracy_m: float | None
    """Stated accuracy, metres; None where nobody states it."""
    not_for: frozenset[str]
    """Datums for which PROJ's database holds an operation that can be run."""
    source: str
    """Who says so, and why PROJ does not do it."""

    def step(self, *, up: bool, where: str) -> PinnedOperation:
        """The step on longitude, latitude, height: up to the ellipsoid, or down from it.

        Raises
        ------
        MissingGridError
            The grid is absent or damaged.
        """
        inverse = "" if up else "inv "
        said = ALL_SYSTEMS[self.vertical].name, ALL_SYSTEMS[self.flat].datum
        return PinnedOperation(
            description=f"{said[0]} to {said[1]}" if up else f"{said[1]} to {said[0]}",
            pipeline="proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad "
            f"step {inverse}proj=vgridshift grids={self.grid} multiplier=1 "
            "step proj=unitconvert xy_in=rad xy_out=deg",
            accuracy_m=self.accuracy_m,
            grids=(found_grid(self.grid, where=where)[1],),
            bounds=None,
            area_name="",
            n_columns=3,
        )


OWN_HEIGHT_LINKS = (
    HeightLink(
        vertical="EPSG:5793",
        flat="EPSG:4470",
        solid="EPSG:4469",
        grid="fr_ign_ggm04v1.tif",
        accuracy_m=None,
        not_for=frozenset(),
        source="IGN, grille GGM04V1 (IGNF registry, TSG1159); EPSG registered no operation for Mayotte 1950",
    ),
    HeightLink(
        vertical="EPSG:11157",
        flat="EPSG:10671",
        solid="EPSG:10670",
        grid="fr_ign_ggm23v2.tif",
        accuracy_m=0.1,
        not_for=frozenset({"RGM23"}),
        source="EPSG registry, RGM23 to IGN 2023 Mayotte height (1). For RGM04 PROJ 9.7.1 goes to RGM23 and back by a "
        "mean translation, where the grid below is up to 13 cm away from it",
    ),
    HeightLink(
        vertical="EPSG:5721",
        flat="EPSG:9782",
        solid="EPSG:9781",
        grid="fr_ign_RAC23.tif",
        accuracy_m=0.02,
        not_for=frozenset({"RGF93 v2b"}),
        source="EPSG registry, RGF93 v2b to NGF-IGN78 height (3). For RGF93 v1 and ETRS89 PROJ asks for "
        "ggf97a_corse.txt, which is published nowhere in a form that it reads; for RGF93 v2 it takes RAC09 towards "
        "some datums and RAC23 towards others, 27 cm apart. IGN replaced RAC09 by RAC23",
    ),
)
"""Vertical systems by own steps: the plane goes to the datum of the grid, then the height moves."""


@dataclass(frozen=True, kw_only=True)
class DatumLink:
    """A grid of geocentric translations between two datums."""

    datums: tuple[str, str]
    """From, to: names in the table."""
    flat: tuple[str, str]
    """The same in two dimensions."""
    solid: tuple[str, str]
    """The same in three."""
    grid: str
    """File name; interpolated at the place on the second datum."""
    accuracy_m: float
    """Stated accuracy, metres."""
    source: str
    """Who says so, and why PROJ does not do it."""

    def step(self, *, forward: bool, n_columns: int, where: str) -> PinnedOperation:
        """The step on longitude, latitude (and ellipsoidal height, which the translations move too).

        Raises
        ------
        MissingGridError
            The grid is absent or damaged.
        """
        inverse = "" if forward else "inv "
        shift = (
            f"step proj=cart ellps=GRS80 step {inverse}proj=xyzgridshift grids={self.grid} grid_ref=output_crs "
            "ellps=GRS80 step inv proj=cart ellps=GRS80"
        )
        if n_columns == 2:
            shift = f"step proj=push v_3 {shift} step proj=pop v_3"
        first, last = self.datums if forward else self.datums[::-1]
        return PinnedOperation(
            description=f"{first} to {last}",
            pipeline=f"proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad {shift} "
            "step proj=unitconvert xy_in=rad xy_out=deg",
            accuracy_m=self.accuracy_m,
            grids=(found_grid(self.grid, where=where)[1],),
            bounds=None,
            area_name="",
            n_columns=n_columns,
        )


OWN_DATUM_LINKS = (
    DatumLink(
        datums=("RGM04", "RGM23"),
        flat=("EPSG:4470", "EPSG:10671"),
        solid=("EPSG:4469", "EPSG:10670"),
        grid="fr_ign_RGM04versRGM23.tif",
        accuracy_m=0.05,
        source="EPSG registry, RGM04 to RGM23 (2); PROJ 9.5 looks for RGM04versRGM23.txt, which it cannot read, and "
        "takes a mean translation, 0.1 m, instead",
    ),
)
"""Datums by own steps. Mayotte moved by a fifth of a metre from 2018 on: its two datums differ from place to place."""


def height_link(end: System) -> HeightLink | None:
    """The own step of a reference's vertical system; None where PROJ knows the way, or where there is none."""
    for link in OWN_HEIGHT_LINKS:
        if end.reference.vertical == link.vertical and datum_name(end) not in link.not_for:
            return link
    return None


def datum_link(start: System, end: System) -> tuple[DatumLink, bool] | None:
    """The own step between the datums of two systems, and whether it is taken forwards."""
    pair = (datum_name(start), datum_name(end))
    for link in OWN_DATUM_LINKS:
        if pair in (link.datums, link.datums[::-1]):
            return link, pair == link.datums
    return None


def datum_name(end: System) -> str:
    """Name of the datum in the table, ``RGF93 v2b``; empty for one that it does not hold."""
    row = ALL_SYSTEMS.get(end.reference.horizontal) or ALL_SYSTEMS.get(end.datum_code)
    return "" if row is None else row.datum
