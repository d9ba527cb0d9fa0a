"""The table of the systems of coordinates that are met in French files, one row per EPSG code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["ALL_SYSTEMS", "COMPOUNDS", "FrenchSystem", "Kind", "Status"]

Kind = Literal["geographic 2D", "geographic 3D", "geocentric", "projected", "vertical", "compound"]

Status = Literal["legal", "in use", "former"]
"""``legal``: named by the arrêté of 5 March 2019, in its realisation of today. ``in use``: an earlier realisation of a
legal system, a successor that IGN publishes since, or a worldwide or European system. ``former``: replaced."""

_ARRETE = "arrêté of 5 March 2019 (décret 2019-165); EPSG registry"
_EPSG = "EPSG registry"
_IGN = "IGN, réseaux géodésiques; EPSG registry"
_NTF = "IGN, NTG_71 (projections Lambert) and GR3DF97A; EPSG registry"
_LEVELLING = "IGN, réseaux de nivellement; EPSG registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrenchSystem:
    """One system of coordinates (*système de référence de coordonnées*)."""

    code: str
    """EPSG code: ``EPSG:2154``. Compared as a code, never as a name."""
    name: str
    """Its name in French, realisation included: ``Lambert-93 (RGF93 v1)``."""
    kind: Kind
    """What its axes are."""
    datum: str
    """Geodetic reference system and realisation (``RGF93 v2b``), or vertical one (``NGF-IGN69``)."""
    status: Status
    """Whether it is to be used today."""
    source: str
    """Who says so."""
    minimal_proj: str = ""
    """First version of PROJ whose database holds it; empty where every supported version does."""


def _row(code: int, name: str, kind: Kind, datum: str, status: Status, source: str, proj: str = "") -> FrenchSystem:
    return FrenchSystem(
        code=f"EPSG:{code}", name=name, kind=kind, datum=datum, status=status, source=source, minimal_proj=proj
    )


def _geodetic(datum: str, flat: int, solid: int, geocentric: int, status: Status, source: str) -> list[FrenchSystem]:
    """The three ways to write coordinates on one datum."""
    return [
        _row(flat, f"{datum} (longitude, latitude)", "geographic 2D", datum, status, source),
        _row(solid, f"{datum} (longitude, latitude, hauteur ellipsoïdale)", "geographic 3D", datum, status, source),
        _row(geocentric, f"{datum} (géocentrique X, Y, Z)", "geocentric", datum, status, source),
    ]


def _rgf93(datum: str, lambert: int, first_cc: int, status: Status) -> list[FrenchSystem]:
    """Lambert-93 and the nine conformal conics of one realisation: codes in a row, CC42 first."""
    rows = [_row(lambert, f"Lambert-93 ({datum})", "projected", datum, status, _ARRETE)]
    rows += [
        _row(first_cc + zone - 42, f"CC{zone} ({datum})", "projected", datum, status, _ARRETE) for zone in range(42, 51)
    ]
    return rows


def _projected(code: int, projection: str, datum: str, status: Status, source: str) -> FrenchSystem:
    said = datum.replace("(", "").replace(")", "")  # no bracket inside a bracket
    return _row(code, f"{projection} ({said})", "projected", datum, status, source)


def _vertical(code: int, name: str, status: Status, source: str = _LEVELLING, proj: str = "") -> FrenchSystem:
    return _row(code, name, "vertical", name, status, source, proj)


_HORIZONTAL = [
    # ---- France métropolitaine: one legal system, three realisations some millimetres apart (france.md 4.4)
    *_geodetic("RGF93 v1", 4171, 4965, 4964, "in use", _ARRETE),
    *_geodetic("RGF93 v2", 9777, 9776, 9775, "in use", _ARRETE),
    *_geodetic("RGF93 v2b", 9782, 9781, 9780, "legal", _ARRETE),
    *_rgf93("RGF93 v1", 2154, 3942, "in use"),
    *_rgf93("RGF93 v2", 9793, 9822, "in use"),
    *_rgf93("RGF93 v2b", 9794, 9842, "legal"),
    *[_projected(25800 + zone, f"UTM {zone}N", "ETRS89", "in use", _EPSG) for zone in (30, 31, 32)],
    # ---- NTF
    _row(4275, "NTF (longitude de Greenwich, latitude)", "geographic 2D", "NTF", "former", _NTF),
    _row(4807, "NTF (Paris) (longitude de Paris, latitude, en grades)", "geographic 2D", "NTF (Paris)", "former", _NTF),
    *[
        _projected(base + number, f"Lambert {zone}{form}", "NTF (Paris)", "former", _NTF)
        for base, form in ((27560, ""), (27570, " carto"))
        for number, zone in enumerate(("I", "II", "III", "IV"), start=1)
        if base + number != 27572
    ],
    _projected(27572, "Lambert II étendu", "NTF (Paris)", "former", _NTF),
    # ---- Antilles
    *_geodetic("RGAF09", 5489, 5488, 5487, "legal", _ARRETE),
    _projected(5490, "UTM 20N", "RGAF09", "legal", _ARRETE),
    _row(4622, "Guadeloupe 1948 (longitude, latitude)", "geographic 2D", "Guadeloupe 1948", "former", _IGN),
    _projected(2970, "UTM 20N", "Guadeloupe 1948", "former", _IGN),
    _row(4625, "Martinique 1938 (longitude, latitude)", "geographic 2D", "Martinique 1938", "former", _IGN),
    _projected(2973, "UTM 20N", "Martinique 1938", "former", _IGN),
    _row(4621, "Fort Marigot (longitude, latitude)", "geographic 2D", "Fort Marigot", "former", _IGN),
    _projected(2969, "UTM 20N", "Fort Marigot", "former", _IGN),
    # ---- Guyane
    *_geodetic("RGFG95", 4624, 4967, 4966, "legal", _ARRETE),
    _projected(2972, "UTM 22N", "RGFG95", "legal", _ARRETE),
    _projected(3313, "UTM 21N", "RGFG95", "in use", _EPSG),
    _row(4623, "CSG67 (longitude, latitude)", "geographic 2D", "CSG67", "former", _IGN),
    _projected(2971, "UTM 22N", "CSG67", "former", _IGN),
    # ---- La Réunion
    *_geodetic("RGR92", 4627, 4971, 4970, "legal", _ARRETE),
    _projected(2975, "UTM 40S", "RGR92", "legal", _ARRETE),
    _row(4626, "Réunion 1947 (longitude, latitude)", "geographic 2D", "Réunion 1947", "former", _IGN),
    _projected(3727, "Gauss Laborde Réunion", "Réunion 1947", "former", _IGN),
    # ---- Mayotte
    *_geodetic("RGM04", 4470, 4469, 4468, "legal", _ARRETE),
    _projected(4471, "UTM 38S", "RGM04", "legal", _ARRETE),
    *_geodetic("RGM23", 10671, 10670, 10669, "in use", _IGN),
    _projected(10674, "UTM 38S", "RGM23", "in use", _IGN),
    _row(4632, "Combani 1950 (longitude, latitude)", "geographic 2D", "Combani 1950", "former", _IGN),
    _projected(2980, "UTM 38S", "Combani 1950", "former", _IGN),
    # ---- Saint-Pierre-et-Miquelon
    *_geodetic("RGSPM06", 4463, 4466, 4465, "legal", _ARRETE),
    _projected(4467, "UTM 21N", "RGSPM06", "legal", _ARRETE),
    _row(4638, "Saint-Pierre-et-Miquelon 1950 (longitude, latitude)", "geographic 2D", "SPM 1950", "former", _IGN),
    _projected(2987, "UTM 21N", "SPM 1950", "former", _IGN),
    # ---- Europe and the world: not French, and met everywhere
    *_geodetic("ETRS89", 4258, 4937, 4936, "in use", _EPSG),
    *_geodetic("WGS 84", 4326, 4979, 4978, "in use", _EPSG),
    _projected(3857, "Mercator du Web", "WGS 84", "in use", _EPSG),
]

_VERTICAL = [
    _vertical(5720, "NGF-IGN69", "legal", _ARRETE),
    _vertical(5721, "NGF-IGN78", "legal", _ARRETE),
    _vertical(5719, "NGF-Lallemand", "former"),
    # Names of IGN's own registry (IGNF): GUAD88 is "Guadeloupe 1988" at EPSG, "IGN 1988" in IGN's documents.
    _vertical(5757, "GUAD88", "legal", _ARRETE),
    _vertical(5616, "GUAD88LS", "legal", _ARRETE),
    _vertical(5617, "GUAD88MG", "legal", _ARRETE),
    _vertical(9130, "GUAD2008LD", "legal", _ARRETE),
    _vertical(5618, "GUAD92LD", "former"),
    _vertical(5795, "Guadeloupe 1951", "former"),
    _vertical(5756, "MART87", "legal", _ARRETE),
    _vertical(5794, "Martinique 1955", "former"),
    _vertical(5619, "GUAD88SB", "legal", _ARRETE),
    _vertical(5620, "GUAD88SM", "legal", _ARRETE),
    _vertical(5755, "NGG 1977", "legal", _ARRETE),
    _vertical(5758, "REUN89", "legal", _ARRETE),
    # EPSG's "Mayotte 1950" is IGN's SHOM 1953 (MAYO53), the levelling that the decree names.
    _vertical(5793, "MAYO53", "legal", _ARRETE),
    _vertical(11157, "IGN 2023 (Mayotte)", "in use", _LEVELLING, "9.7.1"),
    _vertical(5792, "Danger 1950", "legal", _ARRETE),
]

_COMPOUND_CODES = {
    # EPSG registry, compound CRS over French systems; a test compares the table with PROJ's database.
    (2154, 5720): 5698, (2154, 5721): 5699, (9793, 5720): 10497, (9793, 5721): 10498, (9794, 5720): 10499,
    (9794, 5721): 10500, (9777, 5720): 9538, (9777, 5721): 9539, (9782, 5720): 9785, (9782, 5721): 10507,
    (4807, 5720): 7400, (27571, 5720): 5707, (27572, 5720): 7421, (27573, 5720): 7422, (27574, 5721): 5708,
    (27572, 5719): 7411,
    (5489, 5757): 9531, (5489, 5616): 9532, (5489, 5617): 9533, (5489, 5619): 9534, (5489, 5620): 9535,
    (5489, 9130): 9536, (5489, 5756): 9537, (5490, 5756): 10633,
    (4624, 5755): 9530, (4463, 5792): 9541, (10671, 11157): 11158,
}  # fmt: skip


def _compound(horizontal: FrenchSystem, vertical: FrenchSystem, code: int) -> FrenchSystem:
    legal = horizontal.status == vertical.status == "legal"
    former = "former" in (horizontal.status, vertical.status)
    return FrenchSystem(
        code=f"EPSG:{code}",
        name=f"{horizontal.name} + {vertical.name}",
        kind="compound",
        datum=f"{horizontal.datum} + {vertical.datum}",
        status="legal" if legal else "former" if former else "in use",
        source=_EPSG,
        minimal_proj=vertical.minimal_proj,
    )


_BY_CODE = {row.code: row for row in (*_HORIZONTAL, *_VERTICAL)}

COMPOUNDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {(f"EPSG:{h}", f"EPSG:{v}"): f"EPSG:{code}" for (h, v), code in _COMPOUND_CODES.items()}
)
"""Compound code of a horizontal and a vertical code, where EPSG registered one."""

ALL_SYSTEMS: Mapping[str, FrenchSystem] = MappingProxyType(
    _BY_CODE
    | {
        f"EPSG:{code}": _compound(_BY_CODE[f"EPSG:{h}"], _BY_CODE[f"EPSG:{v}"], code)
        for (h, v), code in _COMPOUND_CODES.items()
    }
)
"""Every system of the table by EPSG code: horizontal ones first, then vertical, then compound."""
