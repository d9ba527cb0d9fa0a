"""What the texts of an IfcProjectedCRS mean: names of horizontal and vertical references, as EPSG codes.

A name that is neither in the table of systems, nor an alias of one, nor a known ``EPSG:n`` stays unknown: it is never
guessed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import pyproj
from pyproj.exceptions import CRSError

from jnt_pipeline.crs.france.system_table import Kind
from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, FrenchSystem

__all__ = ["NamedCrs", "horizontal_of", "projected_of_word", "vertical_of"]

_EPSG = re.compile(r"EPSG:(\d{4,6})")

# Short names that producers use beside those of the table of systems, normalised by _key.
_HORIZONTAL_ALIASES = {
    "LAMB93": "Lambert-93", "LA93": "Lambert-93", "L93": "Lambert-93", "RGF93": "Lambert-93",
    "RGF93LAMB93": "Lambert-93", "RGF93LAMBERT93": "Lambert-93", "IGNFLAMB93": "Lambert-93",
    "IGNFRGF93LAMB93": "Lambert-93",
    **{f"{head}{zone}": f"CC{zone}" for zone in range(42, 51)
       for head in ("RGF93CC", "IGNFRGF93CC", "LAMBERTCC", "CONIQUECONFORMEZONE", "LAMBERT93CC")},
    "LAMBERT2ETENDU": "Lambert II étendu", "NTFLAMBERTIIETENDU": "Lambert II étendu",
    "IGNFLAMBE": "Lambert II étendu",
}  # fmt: skip

_VERTICAL_ALIASES = {
    "IGN69": "NGF-IGN69", "NGF69": "NGF-IGN69", "NGFIGN1969": "NGF-IGN69", "IGN1969": "NGF-IGN69",
    "NGFIGN69HEIGHT": "NGF-IGN69",
    "IGN78": "NGF-IGN78", "IGN78C": "NGF-IGN78", "IGN78CORSE": "NGF-IGN78", "NGFIGN78CORSE": "NGF-IGN78",
    "NGFIGN1978": "NGF-IGN78", "IGN1978": "NGF-IGN78",
    "LALLEMAND": "NGF-Lallemand",
    "IGN89": "REUN89", "REUNION89": "REUN89", "REUNION1989": "REUN89", "IGN1989": "REUN89",
    "GUADELOUPE88": "GUAD88", "GUADELOUPE1988": "GUAD88",
    "MARTINIQUE87": "MART87", "MARTINIQUE1987": "MART87",
    "NGG77": "NGG 1977", "GUYA77": "NGG 1977", "MAYO50": "MAYO53", "MAYOTTE1950": "MAYO53", "STPM50": "Danger 1950",
}  # fmt: skip

_FOREIGN = {  # met in the models of neighbours; codes from the EPSG registry
    "AMERSFOORTRDNEW": 28992, "RDNEW": 28992,
    "NAP": 5709, "NAPHEIGHT": 5709, "NORMAALAMSTERDAMSPEIL": 5709, "DHHN92": 5783, "DHHN2016": 7837, "LN02": 5728,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCrs:
    """A horizontal reference found under a name."""

    code: str
    """EPSG:n of a projected CRS."""
    vertical: str | None
    """EPSG:n of the vertical part, where the name was that of a compound CRS."""
    is_code: bool
    """Whether the name was an EPSG code, as the rules of buildingSMART ask (GRF002)."""


@cache
def horizontal_of(name: str) -> NamedCrs | str:
    """The projected CRS that a Name stands for, or in words why there is none."""
    text = name.strip()
    if not text:
        return "the name is empty"
    match = _EPSG.fullmatch(text.upper())
    number = int(match[1]) if match else _named(_key(text), "projected")
    if number is None:
        return f"{text!r} is neither EPSG:n nor a name known here"
    try:
        crs = pyproj.CRS.from_epsg(number)
    except CRSError:
        return f"EPSG:{number} is not a coordinate reference system of the EPSG registry"
    parts = crs.sub_crs_list or [crs]
    if not parts[0].is_projected:
        return f"EPSG:{number} ({crs.name}) is not a projected CRS"
    codes = [part.to_epsg() for part in parts]
    if None in codes:
        return f"EPSG:{number} ({crs.name}) has parts without a code"
    vertical = f"EPSG:{codes[1]}" if len(codes) > 1 else None
    return NamedCrs(code=f"EPSG:{codes[0]}", vertical=vertical, is_code=match is not None)


@cache
def vertical_of(text: str) -> str | None:
    """EPSG code of the vertical CRS that a VerticalDatum stands for; None when it is unknown."""
    match = _EPSG.fullmatch(text.strip().upper())
    if match is None:
        number = _named(_key(text), "vertical")
        return None if number is None else f"EPSG:{number}"
    try:
        crs = pyproj.CRS.from_epsg(int(match[1]))
    except CRSError:
        return None
    vertical = crs.sub_crs_list[-1] if crs.sub_crs_list else crs
    return f"EPSG:{vertical.to_epsg()}" if vertical.is_vertical and vertical.to_epsg() else None


@cache
def _table(kind: Kind) -> dict[str, int]:
    """Normalised name → EPSG number: the table's own names, with and without their datum, then the aliases.

    Names that stand for several systems are left out: a UTM zone without its datum, and the zones of Lambert, which
    have two northings each and other numbers at EPSG. The realisations of RGF93 are one name, v1 first.
    """
    found: dict[str, FrenchSystem] = {}
    for row in (row for row in ALL_SYSTEMS.values() if row.kind == kind):
        plain = row.name.split(" (")[0]
        alone = kind == "vertical" or row.datum.startswith("RGF93") or plain == "Lambert II étendu"
        if alone or plain.startswith("UTM"):
            whole = [] if kind == "vertical" else [f"{row.datum}{plain}", f"IGNF:{row.datum}{plain}"]
            names = [*whole, *([plain] if alone else [])]
            found = {_key(name): row for name in names} | found
    aliases = _HORIZONTAL_ALIASES if kind == "projected" else _VERTICAL_ALIASES
    found |= {alias: found[_key(name)] for alias, name in aliases.items()}
    return {name: int(row.code[5:]) for name, row in found.items()} | _FOREIGN


def projected_of_word(word: str) -> str | None:
    """EPSG code of the projected CRS that one word of a product name states (LAMB93, RGR92UTM40S); None otherwise."""
    number = _named(_key(word), "projected")
    return None if number is None else f"EPSG:{number}"


def _named(key: str, kind: Kind) -> int | None:
    return _table(kind).get(key)


def _key(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.upper())
    return "".join(c for c in plain if c.isascii() and c.isalnum())
