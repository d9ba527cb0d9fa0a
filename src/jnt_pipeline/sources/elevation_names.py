"""What the name of an elevation raster says: product, surface, tile (*nommage des dalles RGE ALTI et LiDAR HD*)."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal

__all__ = [
    "SUFFIXES",
    "Surface",
    "is_companion",
    "is_raster_name",
    "named_corner",
    "product_of_name",
    "states_elevations",
    "states_heights",
    "surface_of_name",
    "tile_of_name",
]

Surface = Literal["dtm", "dsm", "dhm"]

SUFFIXES = (".tif", ".tiff", ".asc")

_SURFACES: dict[str, Surface] = {"MNT": "dtm", "DTM": "dtm", "MNS": "dsm", "DSM": "dsm", "MNH": "dhm", "DHM": "dhm"}
_PRODUCTS = {
    "LHD": "LiDAR HD",
    "RGEALTI": "RGE ALTI",
    "RGEALTIV2": "RGE ALTI",
    "BDALTI": "BD ALTI",
    "BDALTIV2": "BD ALTI",
}
_ABOVE_GROUND = {"MNHC", "CHM", "NDSM"}  # heights of the canopy, or of all above the ground, under other words
_KM = re.compile(r"\d{4}")
_MOST_EAST_KM = 1400  # Corsica ends at 1,250 km of Lambert-93, and no UTM zone reaches 1,000


def is_raster_name(name: str) -> bool:
    """Whether a file of this name is taken for an elevation raster.

    The download service delivers LiDAR HD rasters without an extension: the product name alone tells them.

    >>> is_raster_name("LHD_FXX_1016_6293_MNT_O_0M50_LAMB93_IGN69"), is_raster_name("LISEZ-MOI")
    (True, False)
    """
    if is_companion(name):
        return False
    if "." in name:
        return name.lower().endswith(SUFFIXES)
    return product_of_name(name) is not None and surface_of_name(name) is not None


def is_companion(name: str) -> bool:
    """Whether a raster goes with RGE ALTI without being elevations: distances to measures (DST), sources (SRC).

    >>> is_companion("RGEALTI_FXX_0900_6500_DST_LAMB93_IGN69.asc")
    True
    """
    return product_of_name(name) == "RGE ALTI" and bool({"DST", "SRC"} & set(_words(name)))


def product_of_name(name: str) -> str | None:
    """The IGN product that a name states; None when none does.

    >>> product_of_name("RGEALTI_FXX_0900_6500_MNT_LAMB93_IGN69.asc")
    'RGE ALTI'
    """
    found = {_PRODUCTS[word] for word in _words(name) if word in _PRODUCTS}
    return found.pop() if len(found) == 1 else None


def surface_of_name(name: str) -> Surface | None:
    """Terrain, surface or height above ground, as a name states it; None when none is, or several are.

    >>> surface_of_name("LHD_FXX_1016_6293_MNS_O_0M50_LAMB93_IGN69.tif")
    'dsm'
    """
    words = set(re.split(r"[^A-Z]+", name.upper()))
    found = {_SURFACES[word] for word in words if word in _SURFACES}
    return found.pop() if len(found) == 1 and not words & _ABOVE_GROUND else None


def states_heights(name: str) -> str | None:
    """The word of a name that states heights above the ground, whatever else it states; None without any.

    >>> states_heights("LHD_FXX_1016_6293_MNH_O_0M50_LAMB93_IGN69.tif"), states_heights("MNS-MNT.tif")
    ('MNH', None)
    """
    for word in re.split(r"[^A-Z]+", name.upper()):
        if _SURFACES.get(word) == "dhm" or word in _ABOVE_GROUND:
            return word
    return None


def states_elevations(name: str) -> bool:
    """Whether a word of a name states terrain or surface, whatever else it states.

    >>> states_elevations("MNT_MNS_MNH"), states_elevations("MNH")
    (True, False)
    """
    return bool({_SURFACES.get(word) for word in re.split(r"[^A-Z]+", name.upper())} & {"dtm", "dsm"})


def named_corner(name: str) -> tuple[float, float] | None:
    """NORTH-WEST corner of the tile that a product name states, metres in the named projection; None without one.

    >>> named_corner("RGEALTI_FXX_0900_6500_MNT_LAMB93_IGN69.asc")
    (900000.0, 6500000.0)
    """
    pair = None if product_of_name(name) is None else _kilometres(_stem(name))
    return None if pair is None else (float(pair[0]) * 1000, float(pair[1]) * 1000)


def tile_of_name(name: str, surface: Surface) -> str:
    """Id of the tile: product, surface and km of the NORTH-WEST corner; else surface and stem.

    >>> tile_of_name("RGEALTI_FXX_0900_6500_MNT_LAMB93_IGN69.asc", "dtm")
    'rge-alti_dtm_0900_6500'
    >>> tile_of_name("commune.tif", "dsm")
    'dsm_commune'
    """
    stem = _stem(name)
    product, pair = product_of_name(name), _kilometres(stem)
    if product is None or pair is None:
        return f"{surface}_{stem}"
    return f"{product.lower().replace(' ', '-')}_{surface}_{pair[0]}_{pair[1]}"


def _stem(name: str) -> str:
    return Path(name).stem if name.lower().endswith(SUFFIXES) else name


def _kilometres(stem: str) -> tuple[str, str] | None:
    """The first pair of four digits whose easting is one: a year, before or after it, is more than any easting."""
    words = re.split(r"[_-]", stem)
    for east, north in pairwise(words):
        if _KM.fullmatch(east) and _KM.fullmatch(north) and int(east) <= _MOST_EAST_KM:
            return east, north
    return None


def _words(name: str) -> list[str]:
    return re.split(r"[^A-Z0-9]+", name.upper())
