"""What EPSG's registry does not say about French references: one row per territory, datum or system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shapely.geometry import Polygon

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.outlines import BUFFER_KM, CORSICA, MAINLAND

__all__ = ["AREAS", "LONLAT_TWINS", "PINS", "TERRITORIES", "Pin", "Territory", "territory_of"]


@dataclass(frozen=True, kw_only=True)
class Territory:
    """A territory whose coarse outline replaces EPSG's rectangle for heights.

    NTF has no row: IGN's own test points for it go past the border, and its grid fills the rectangle.
    """

    name: str
    """Its French name."""
    outline: Polygon
    """Longitude and latitude, degrees."""
    buffer_km: float
    """Least distance between the territory and its outline, kilometres."""
    verticals: frozenset[str]
    """Vertical systems that give heights there and nowhere else."""
    grids: frozenset[str]
    """Grids that hold there and nowhere else."""
    source: str
    """Who says that these belong there."""


# To add a territory: its outline in outlines.py, a row here. Without a row EPSG's rectangles are used.
TERRITORIES = (
    Territory(
        name="France continentale",
        outline=MAINLAND,
        buffer_km=BUFFER_KM,
        verticals=frozenset({"EPSG:5720", "EPSG:5719"}),  # NGF-IGN69, NGF-Lallemand
        grids=frozenset({f"fr_ign_{name}.tif" for name in ("RAF09", "RAF18", "RAF18b", "RAF20")}),
        source="arrêté of 5 March 2019 (décret 2019-165); IGN, grilles de conversion altimétrique RAF",
    ),
    Territory(
        name="Corse",
        outline=CORSICA,
        buffer_km=BUFFER_KM,
        verticals=frozenset({"EPSG:5721"}),  # NGF-IGN78
        grids=frozenset({"fr_ign_RAC09.tif", "fr_ign_RAC23.tif"}),
        source="arrêté of 5 March 2019 (décret 2019-165); IGN, grilles de conversion altimétrique RAC",
    ),
)


def territory_of(*, vertical: str | None = None, grid: str | None = None) -> Territory | None:
    """The territory of a vertical system or of a grid; None when no row lists it."""
    for territory in TERRITORIES:
        if vertical in territory.verticals or grid in territory.grids:
            return territory
    return None


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Datums that may leave towards others through one grid only."""

    datums: frozenset[str]
    """Geographic systems on the datum."""
    grid: str
    """The grid that the operation must read."""
    pivot: str
    """System to go through where PROJ proposes no operation with that grid."""
    source: str
    """Who says so."""


PINS = (
    Pin(
        datums=frozenset({"EPSG:4275", "EPSG:4807"}),
        grid="fr_ign_gr3df97a.tif",
        pivot="EPSG:4171",
        # EPSG ranks "NTF to WGS 84 (1)", three parameters, 0.4 to 4.0 m off, as the best towards WGS 84.
        source="IGN, grille GR3DF97A: the official NTF to RGF93 transformation",
    ),
)

AREAS: Mapping[str, Bounds] = MappingProxyType(
    {
        # EPSG limits it to the mainland; IGN uses it over Corsica too (Circé's test points, FR.txt, point 8).
        "EPSG:27572": (-4.87, 41.31, 9.63, 51.14),
        # CC zones are bands of latitude, 1° on both sides of their parallel (arrêté of 5 March 2019); EPSG draws a box
        # around the land in each band, and IGN's test points go past it.
        **{
            f"EPSG:{first + zone - 42}": (-9.86, zone - 1.0, 10.38, zone + 1.0)
            for first in (3942, 9822, 9842)  # RGF93 v1, v2, v2b
            for zone in range(42, 51)
        },
    }
)
"""Areas of use (west, south, east, north, degrees) that replace EPSG's."""

# fmt: off
LONLAT_TWINS: Mapping[str, str] = MappingProxyType(
    {
        "EPSG:7042": "EPSG:4965", "EPSG:7084": "EPSG:4171",  # RGF93 v1
        "EPSG:9778": "EPSG:9776", "EPSG:9779": "EPSG:9777",  # RGF93 v2
        "EPSG:9783": "EPSG:9781", "EPSG:9784": "EPSG:9782",  # RGF93 v2b
        "EPSG:7085": "EPSG:5488", "EPSG:7086": "EPSG:5489",  # RGAF09
        "EPSG:7040": "EPSG:4967", "EPSG:7041": "EPSG:4624",  # RGFG95
        "EPSG:7036": "EPSG:4971", "EPSG:7037": "EPSG:4627",  # RGR92
        "EPSG:7038": "EPSG:4469", "EPSG:7039": "EPSG:4470",  # RGM04
        "EPSG:10672": "EPSG:10670", "EPSG:10673": "EPSG:10671",  # RGM23
        "EPSG:7034": "EPSG:4466", "EPSG:7035": "EPSG:4463",  # RGSPM06
    }
)
# fmt: on
"""EPSG's "(lon-lat)" copies of French systems and their originals: here x or longitude always comes first."""
