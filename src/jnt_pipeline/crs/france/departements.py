"""The *départements* of an INSEE code: where its chef-lieu stands, or which overseas territory it is.

Source: INSEE, code officiel géographique (codes and chefs-lieux); places to 0.1°, of the chef-lieu itself. No point of
a département of *métropole* lies further than ``RADIUS_KM`` from its chef-lieu: enough to tell a wrong zone of
Lambert (270 km and more) or a wrong UTM zone (440 km), and not meant for more.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHEFS_LIEUX", "OVERSEAS", "RADIUS_KM", "departement_of", "distance_km", "is_near"]

RADIUS_KM = 150.0
"""Furthest that a point of a département is taken to lie from its chef-lieu, kilometres (Pau to Hendaye: 115)."""

_EARTH_KM = 6371.0

# fmt: off
CHEFS_LIEUX: dict[str, tuple[float, float]] = {
    "01": (5.2, 46.2), "02": (3.6, 49.6), "03": (3.3, 46.6), "04": (6.2, 44.1), "05": (6.1, 44.6), "06": (7.3, 43.7),
    "07": (4.6, 44.7), "08": (4.7, 49.8), "09": (1.6, 43.0), "10": (4.1, 48.3), "11": (2.4, 43.2), "12": (2.6, 44.3),
    "13": (5.4, 43.3), "14": (-0.4, 49.2), "15": (2.4, 44.9), "16": (0.2, 45.6), "17": (-1.2, 46.2), "18": (2.4, 47.1),
    "19": (1.8, 45.3), "21": (5.0, 47.3), "22": (-2.8, 48.5), "23": (1.9, 46.2), "24": (0.7, 45.2), "25": (6.0, 47.2),
    "26": (4.9, 44.9), "27": (1.2, 49.0), "28": (1.5, 48.4), "29": (-4.1, 48.0), "2A": (8.7, 41.9), "2B": (9.4, 42.7),
    "30": (4.4, 43.8), "31": (1.4, 43.6), "32": (0.6, 43.6), "33": (-0.6, 44.8), "34": (3.9, 43.6), "35": (-1.7, 48.1),
    "36": (1.7, 46.8), "37": (0.7, 47.4), "38": (5.7, 45.2), "39": (5.6, 46.7), "40": (-0.5, 43.9), "41": (1.3, 47.6),
    "42": (4.4, 45.4), "43": (3.9, 45.0), "44": (-1.6, 47.2), "45": (1.9, 47.9), "46": (1.4, 44.4), "47": (0.6, 44.2),
    "48": (3.5, 44.5), "49": (-0.6, 47.5), "50": (-1.1, 49.1), "51": (4.4, 49.0), "52": (5.1, 48.1), "53": (-0.8, 48.1),
    "54": (6.2, 48.7), "55": (5.2, 48.8), "56": (-2.8, 47.7), "57": (6.2, 49.1), "58": (3.2, 47.0), "59": (3.1, 50.6),
    "60": (2.1, 49.4), "61": (0.1, 48.4), "62": (2.8, 50.3), "63": (3.1, 45.8), "64": (-0.4, 43.3), "65": (0.1, 43.2),
    "66": (2.9, 42.7), "67": (7.8, 48.6), "68": (7.4, 48.1), "69": (4.8, 45.8), "70": (6.2, 47.6), "71": (4.8, 46.3),
    "72": (0.2, 48.0), "73": (5.9, 45.6), "74": (6.1, 45.9), "75": (2.3, 48.9), "76": (1.1, 49.4), "77": (2.7, 48.5),
    "78": (2.1, 48.8), "79": (-0.5, 46.3), "80": (2.3, 49.9), "81": (2.1, 43.9), "82": (1.4, 44.0), "83": (5.9, 43.1),
    "84": (4.8, 43.9), "85": (-1.4, 46.7), "86": (0.3, 46.6), "87": (1.3, 45.8), "88": (6.4, 48.2), "89": (3.6, 47.8),
    "90": (6.9, 47.6), "91": (2.4, 48.6), "92": (2.2, 48.9), "93": (2.4, 48.9), "94": (2.5, 48.8), "95": (2.1, 49.0),
}
"""Code of a département of *métropole* and Corsica → longitude, latitude of its chef-lieu, degrees."""

OVERSEAS: dict[str, tuple[float, float]] = {
    "971": (-61.7, 16.0), "972": (-61.1, 14.6), "973": (-52.3, 4.9), "974": (55.4, -20.9), "975": (-56.2, 46.8),
    "976": (45.2, -12.8), "977": (-62.85, 17.9), "978": (-63.1, 18.1),
}
"""Code of an overseas département or collectivité → the same."""
# fmt: on

_OVERSEAS_RADIUS_KM = {
    "971": 300.0,  # old codes of Saint-Martin and Saint-Barthélemy (97127, 97123) are those of Guadeloupe
    "973": 450.0,  # Cayenne to the Brazilian border
}
_INSEE = re.compile(r"(?:97[1-8]|\d\d|2[AB])(?=\d{2,3})")


def departement_of(insee_code: str) -> str | None:
    """Département (or collectivité) of an INSEE code or of an id that starts with one; None when there is none.

    >>> departement_of("38001000AB0012"), departement_of("97411"), departement_of("2B033")
    ('38', '974', '2B')
    """
    match = _INSEE.match(insee_code.upper())
    if match is None:
        return None
    return match[0] if match[0] in CHEFS_LIEUX or match[0] in OVERSEAS else None


def is_near(departement: str, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which places (degrees, shape (n,)) can lie in a département: within its radius of the chef-lieu."""
    centre = CHEFS_LIEUX.get(departement) or OVERSEAS[departement]
    radius = RADIUS_KM if departement in CHEFS_LIEUX else _OVERSEAS_RADIUS_KM.get(departement, RADIUS_KM)
    return np.asarray(distance_km(*centre, lon, lat) <= radius)


def distance_km(lon: float, lat: float, lons: NDArray[np.float64], lats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance on a sphere from one place to others, kilometres; infinite for places that are none."""
    with np.errstate(invalid="ignore"):
        a, b = np.radians(lat), np.radians(lats)
        half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(lons - lon) / 2) ** 2
        distance = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return np.where(np.isfinite(distance), distance, np.inf)
