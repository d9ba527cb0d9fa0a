"""What the texts of an IfcProjectedCRS mean: names of horizontal and vertical references, as EPSG codes.

A name that is not in these tables and not a known ``EPSG:n`` stays unknown: it is never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import pyproj
from pyproj.exceptions import CRSError

__all__ = ["NamedCrs", "horizontal_of", "vertical_of"]

_EPSG = re.compile(r"EPSG:(\d{4,6})")

_HORIZONTAL = {
    # Names of producers, normalised by _key; codes from the EPSG registry.
    "LAMBERT93": 2154, "RGF93LAMBERT93": 2154, "RGF93V1LAMBERT93": 2154, "LAMB93": 2154, "L93": 2154,
    "RGF93LAMB93": 2154, "RGF93": 2154, "IGNFLAMB93": 2154, "IGNFRGF93LAMB93": 2154,
    **{f"{head}{zone}": 3900 + zone for zone in range(42, 51)
       for head in ("CC", "RGF93CC", "RGF93V1CC", "IGNFRGF93CC", "LAMBERTCC", "CONIQUECONFORMEZONE", "LAMBERT93CC")},
    "LAMBERT2ETENDU": 27572, "LAMBERTIIETENDU": 27572, "NTFLAMBERTIIETENDU": 27572, "IGNFLAMBE": 27572,
    "RGR92UTM40S": 2975, "IGNFRGR92UTM40S": 2975, "RGAF09UTM20N": 5490, "RGFG95UTM22N": 2972,
    "RGM04UTM38S": 4471, "RGSPM06UTM21N": 4467,
    "AMERSFOORTRDNEW": 28992, "RDNEW": 28992,
}  # fmt: skip

_VERTICAL = {
    "NGFIGN69": 5720, "IGN69": 5720, "NGF69": 5720, "NGFIGN1969": 5720, "IGN1969": 5720, "NGFIGN69HEIGHT": 5720,
    "NGFIGN78": 5721, "IGN78": 5721, "IGN78CORSE": 5721, "NGFIGN78CORSE": 5721, "NGFIGN1978": 5721, "IGN1978": 5721,
    "NGFLALLEMAND": 5719, "LALLEMAND": 5719,
    "IGN89": 5758, "REUN89": 5758, "REUNION89": 5758, "REUNION1989": 5758, "IGN1989": 5758,
    "GUAD88": 5757, "GUADELOUPE88": 5757, "GUADELOUPE1988": 5757,
    "MART87": 5756, "MARTINIQUE87": 5756, "MARTINIQUE1987": 5756,
    "NGG77": 5755, "NGG1977": 5755, "GUYA77": 5755, "MAYO50": 5793, "MAYOTTE1950": 5793, "STPM50": 5792,
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
    number = int(match[1]) if match else _HORIZONTAL.get(_key(text))
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
        number = _VERTICAL.get(_key(text))
        return None if number is None else f"EPSG:{number}"
    try:
        crs = pyproj.CRS.from_epsg(int(match[1]))
    except CRSError:
        return None
    vertical = crs.sub_crs_list[-1] if crs.sub_crs_list else crs
    return f"EPSG:{vertical.to_epsg()}" if vertical.is_vertical and vertical.to_epsg() else None


def _key(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.upper())
    return "".join(c for c in plain if c.isascii() and c.isalnum())
