"""The table of the French territories: where each lies, and which systems and grids hold there (*territoires*).

Everything that needs to know a French system asks here: :func:`territories_of`, :func:`territory_of`,
:func:`territory_at`, :func:`french_name`, :func:`compound_of`, :func:`expected_grid`. Systems are EPSG codes, compared
as codes: PROJ changes their names from one version to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import shapely
from shapely.geometry import Polygon

from jnt_pipeline.crs.france import overseas_outlines as overseas
from jnt_pipeline.crs.france.datum_rules import AREAS, LONLAT_TWINS, PINS, Pin
from jnt_pipeline.crs.france.height_grids import HEIGHT_GRIDS, HeightGrid, expected_grid, height_grids_of
from jnt_pipeline.crs.france.outlines import BUFFER_KM, CORSICA, MAINLAND
from jnt_pipeline.crs.france.system_table import ALL_SYSTEMS, COMPOUNDS, FrenchSystem

__all__ = [
    "ALL_SYSTEMS",
    "AREAS",
    "COMPOUNDS",
    "HEIGHT_GRIDS",
    "LONLAT_TWINS",
    "PINS",
    "TERRITORIES",
    "FrenchSystem",
    "FrenchTerritory",
    "HeightGrid",
    "Pin",
    "compound_of",
    "expected_grid",
    "french_name",
    "height_grids_of",
    "parts_of",
    "territories_of",
    "territory_at",
    "territory_of",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class FrenchTerritory:
    """A territory whose coarse outline replaces EPSG's rectangle for heights.

    A territory is here a place with heights of its own: the islands of Guadeloupe are four.
    """

    name: str
    """Its French name."""
    code: str
    """Three letters, as in IGN's products (LiDAR HD: ``LHD_FXX_…``, RGE ALTI); ISO 3166-1 alpha-3 overseas."""
    outline: Polygon
    """Longitude and latitude, degrees."""
    buffer_km: float
    """Least distance between the territory and its outline, kilometres."""
    horizontals: tuple[str, ...]
    """Horizontal, 3D and geocentric systems used there, the legal projection first."""
    verticals: tuple[str, ...]
    """Vertical systems that give heights there and nowhere else, the legal one first."""
    grids: frozenset[str]
    """Grids that hold there and nowhere else."""
    source: str
    """Who says that these belong there."""

    @property
    def legal(self) -> tuple[str, str]:
        """Legal projection and legal vertical system (*référence légale*) of today."""
        return self.horizontals[0], self.verticals[0]


def _codes(*numbers: int) -> tuple[str, ...]:
    return tuple(f"EPSG:{number}" for number in numbers)


def _grids(*names: str) -> frozenset[str]:
    return frozenset(f"fr_ign_{name}.tif" for name in names)


_RGF93 = (9794, 9793, 2154, 9782, 9781, 9780, 9777, 9776, 9775, 4171, 4965, 4964)
_ETRS89 = (4258, 4937, 4936)
_NTF = (27572, 4275, 4807)
_CC = tuple(first + n for first in (9842, 9822, 3942) for n in range(9))
_RGAF09 = (5490, 5489, 5488, 5487)
_LAW = "arrêté of 5 March 2019 (décret 2019-165)"


def _antilles(
    name: str, code: str, outline: Polygon, buffer_km: float, verticals: tuple[int, ...], former: tuple[int, ...],
    *grids: str,
) -> FrenchTerritory:  # fmt: skip
    return FrenchTerritory(
        name=name,
        code=code,
        outline=outline,
        buffer_km=buffer_km,
        horizontals=_codes(*_RGAF09, *former),
        verticals=_codes(*verticals),
        grids=_grids(*grids),
        source=f"{_LAW}; EPSG registry; IGN, grilles de conversion altimétrique {', '.join(grids)}",
    )


TERRITORIES = (
    FrenchTerritory(
        name="France continentale",
        code="FXX",
        outline=MAINLAND,
        buffer_km=BUFFER_KM,
        horizontals=_codes(
            *_RGF93, *_CC, 25830, 25831, 25832, *_ETRS89, *_NTF, 27561, 27562, 27563, 27571, 27573
        ),
        verticals=_codes(5720, 5719),  # NGF-IGN69, NGF-Lallemand
        grids=_grids("RAF09", "RAF18", "RAF18b", "RAF20"),
        source=f"{_LAW}; IGN, grilles de conversion altimétrique RAF",
    ),
    FrenchTerritory(
        name="Corse",
        code="FXX",
        outline=CORSICA,
        buffer_km=BUFFER_KM,
        horizontals=_codes(*_RGF93, 9842, 9822, 3942, 25832, *_ETRS89, *_NTF, 27564, 27574),
        verticals=_codes(5721),  # NGF-IGN78
        grids=_grids("RAC09", "RAC23"),
        source=f"{_LAW}; IGN, grilles de conversion altimétrique RAC",
    ),
    # The former datums of the Antilles and their grids towards WGS 84 (ggg00…, ggm00v2) belong to RRAF 1991.
    _antilles(
        "Guadeloupe (Basse-Terre et Grande-Terre)", "GLP", overseas.GUADELOUPE, overseas.ISLANDS_BUFFER_KM,
        (5757, 5795), (4622, 2970), "RAGTBT2016", "ggg00v2",
    ),
    _antilles(
        "Les Saintes", "GLP", overseas.LES_SAINTES, overseas.ISLANDS_BUFFER_KM,
        (5616,), (4622, 2970), "RALS2016", "ggg00_lsv2",
    ),
    _antilles(
        "Marie-Galante", "GLP", overseas.MARIE_GALANTE, overseas.OVERSEAS_BUFFER_KM,
        (5617,), (4622, 2970), "RAMG2016", "ggg00_mgv2",
    ),
    _antilles(
        "La Désirade", "GLP", overseas.LA_DESIRADE, overseas.ISLANDS_BUFFER_KM,
        (9130, 5618), (4622, 2970), "RALD2016", "RALDW842016",
    ),
    _antilles(
        "Martinique", "MTQ", overseas.MARTINIQUE, overseas.OVERSEAS_BUFFER_KM,
        (5756, 5794), (4625, 2973), "RAMART2016", "ggm00v2",
    ),
    _antilles(
        "Saint-Barthélemy", "BLM", overseas.SAINT_BARTHELEMY, overseas.OVERSEAS_BUFFER_KM,
        (5619,), (4621, 2969), "gg10_sbv2", "ggg00_sbv2",
    ),
    _antilles(
        "Saint-Martin", "MAF", overseas.SAINT_MARTIN, overseas.OVERSEAS_BUFFER_KM,
        (5620,), (4621, 2969), "gg10_smv2", "ggg00_smv2",
    ),
    FrenchTerritory(
        name="Guyane",
        code="GUF",
        outline=overseas.GUYANE,
        buffer_km=overseas.OVERSEAS_BUFFER_KM,
        horizontals=_codes(2972, 3313, 4624, 4967, 4966, 4623, 2971),
        verticals=_codes(5755),
        grids=_grids("ggguy15"),
        source=f"{_LAW}; EPSG registry; IGN, grille de conversion altimétrique ggguy15",
    ),
    FrenchTerritory(
        name="La Réunion",
        code="REU",
        outline=overseas.REUNION,
        buffer_km=overseas.OVERSEAS_BUFFER_KM,
        horizontals=_codes(2975, 4627, 4971, 4970, 4626, 3727),
        verticals=_codes(5758),
        grids=_grids("RAR07_bl"),
        source=f"{_LAW}; EPSG registry; IGN, grille de conversion altimétrique RAR07",
    ),
    FrenchTerritory(
        name="Mayotte",
        code="MYT",
        outline=overseas.MAYOTTE,
        buffer_km=overseas.OVERSEAS_BUFFER_KM,
        horizontals=_codes(4471, 4470, 4469, 4468, 10674, 10671, 10670, 10669, 4632, 2980),
        verticals=_codes(5793, 11157),
        grids=_grids("ggm04v1", "ggm23v2", "RGM04versRGM23"),
        source=f"{_LAW}; EPSG registry; IGN, grilles ggm04v1 (RGM04, SHOM 1953), GGM23 and RGM04versRGM23",
    ),
    FrenchTerritory(
        name="Saint-Pierre-et-Miquelon",
        code="SPM",
        outline=overseas.SAINT_PIERRE_ET_MIQUELON,
        buffer_km=overseas.OVERSEAS_BUFFER_KM,
        horizontals=_codes(4467, 4463, 4466, 4465, 4638, 2987),
        verticals=_codes(5792),
        grids=_grids("RASPM2018", "ggspm06v1", "CGVD2013RGSPM06"),
        source=f"{_LAW}; EPSG registry; IGN, grille de conversion altimétrique RASPM2018",
    ),
)  # fmt: skip
"""All territories of the table. Kerguelen, Polynesia and New Caledonia are not in it: EPSG's rectangles hold there."""


def territory_of(*, vertical: str | None = None, grid: str | None = None) -> FrenchTerritory | None:
    """The territory of a vertical system or of a grid; None when no row lists it."""
    for territory in TERRITORIES:
        if vertical in territory.verticals or grid in territory.grids:
            return territory
    return None


@cache
def territories_of(code: str) -> tuple[FrenchTerritory, ...]:
    """The territories where a system is used, in the order of the table.

    Parameters
    ----------
    code
        EPSG code of any kind: ``EPSG:2154`` gives the mainland and Corsica, ``EPSG:5699`` Corsica alone.

    Returns
    -------
    Empty for a system that belongs to no French territory: WGS 84 and Mercator are of the whole world.
    """
    parts = parts_of(code)
    if parts is not None:
        horizontal, vertical = (territories_of(part) for part in parts)
        return tuple(row for row in horizontal if row in vertical)
    code = LONLAT_TWINS.get(code, code)
    return tuple(row for row in TERRITORIES if code in row.horizontals or code in row.verticals)


def territory_at(lon: float, lat: float) -> FrenchTerritory | None:
    """The territory whose coarse outline holds a place; None outside all of them.

    Parameters
    ----------
    lon, lat
        Degrees, WGS 84 or any legal system.
    """
    for territory in TERRITORIES:
        if shapely.contains_xy(territory.outline, lon, lat):
            return territory
    return None


def compound_of(horizontal: str, vertical: str) -> str | None:
    """The compound code of two codes: ``EPSG:5698`` for 2154 and 5720; None where EPSG registered none.

    CC zones and La Réunion have none: there the two codes are written side by side, ``EPSG:2975+5758``.
    """
    return COMPOUNDS.get((horizontal, vertical))


@cache
def parts_of(code: str) -> tuple[str, str] | None:
    """Horizontal and vertical code of a compound code; None when it is not one of the table."""
    for parts, compound in COMPOUNDS.items():
        if compound == code:
            return parts
    return None


def french_name(code: str) -> str:
    """The French name of a system, realisation included: ``Lambert-93 (RGF93 v1)``, ``NGF-IGN69``, ``REUN89``.

    Parameters
    ----------
    code
        ``EPSG:2154``, or two codes joined as references write them: ``EPSG:2975+5758``.

    Returns
    -------
    The code itself when the table does not hold it.
    """
    head, _, tail = code.partition("+")
    row = ALL_SYSTEMS.get(LONLAT_TWINS.get(head, head))
    name = head if row is None else row.name
    return f"{name} + {french_name('EPSG:' + tail.removeprefix('EPSG:'))}" if tail else name
