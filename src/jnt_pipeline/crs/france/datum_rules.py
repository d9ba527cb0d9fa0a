"""Rules that EPSG's registry lacks: datums that must go one way, areas of use as they are, twins of systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from jnt_pipeline.area import Bounds

__all__ = ["AREAS", "LONLAT_TWINS", "PINS", "Pin"]


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Datums that may leave towards others in one way only."""

    datums: frozenset[str]
    """Geographic systems on the datum."""
    grid: str | None
    """The grid that the operation must read; None where the way to the pivot needs none."""
    pivot: str
    """System to go through, where PROJ proposes no operation with that grid."""
    realisations: Mapping[str, str] = field(default_factory=dict)
    """Pivots to take instead for some datums at the other end, by their names, so that points land where the same
    grid puts them directly: realisations differ by some millimetres."""
    source: str
    """Who says so."""


PINS = (
    Pin(
        datums=frozenset({"EPSG:4275", "EPSG:4807"}),
        grid="fr_ign_gr3df97a.tif",
        pivot="EPSG:4171",
        realisations={"RGF93 v2": "EPSG:9777", "RGF93 v2b": "EPSG:9782"},
        # EPSG ranks "NTF to WGS 84 (1)", three parameters, 0.4 to 4.0 m off, as the best towards WGS 84.
        source="IGN, grille GR3DF97A: the official NTF to RGF93 transformation",
    ),
    # Local datums: towards WGS 84 PROJ often knows three mean translations alone (10 to 44 m), towards the legal system
    # IGN's seven parameters (0.1 to 1 m), and WGS 84 is the legal system within 1 m. And the plane moves at height
    # zero, so that a record with heights lies where it lies without them.
    Pin(
        datums=frozenset({"EPSG:4626"}),  # Réunion 1947
        grid=None,
        pivot="EPSG:4627",
        # For the way back EPSG has seven other parameters, and PROJ takes them: there and back again is 9 cm off.
        # The first ones turned round would be worse, 41 cm: their angles are too large (77") for PROJ's inverse.
        source="EPSG registry, Reunion 1947 to RGR92 (1): 0.1 m, against 44 m towards WGS 84",
    ),
    # Towards WGS 84 the Antilles have parameters of their own.
    *[
        Pin(
            datums=frozenset({datum}),
            grid=None,
            pivot="EPSG:5489",
            realisations={"WGS 84": "EPSG:4326"},
            source="EPSG registry",
        )
        for datum in ("EPSG:4622", "EPSG:4625", "EPSG:4621")  # Guadeloupe 1948, Martinique 1938, Fort Marigot
    ],
    Pin(
        datums=frozenset({"EPSG:4638"}),  # Saint-Pierre-et-Miquelon 1950
        grid=None,
        pivot="EPSG:4326",
        source="EPSG registry, Saint Pierre et Miquelon 1950 to WGS 84 (2): 1 m; none towards RGSPM06",
    ),
    Pin(
        datums=frozenset({"EPSG:4623"}),  # CSG67
        grid=None,
        pivot="EPSG:4624",
        source="EPSG registry, CSG67 to RGFG95 (1): 1 m, against 10 m towards WGS 84",
    ),
    Pin(
        datums=frozenset({"EPSG:4632"}),  # Combani 1950
        grid=None,
        pivot="EPSG:4470",
        source="EPSG registry, Combani 1950 to RGM04 (1): 0.3 m, against 10 m towards WGS 84",
    ),
)

AREAS: Mapping[str, Bounds] = MappingProxyType(
    {
        # EPSG limits it to the mainland; IGN uses it over Corsica too (Circé's test points, FR.txt, point 8).
        "EPSG:27572": (-4.87, 41.31, 9.63, 51.14),
        # The decree gives Guyane one projection; EPSG ends its zone at 54° W, and the west of Guyane lies beyond.
        "EPSG:2972": (-54.61, 2.11, -49.45, 8.88),
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
