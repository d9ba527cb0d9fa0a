"""The planning document (*PLU*) of the village, still in NTF / Lambert II étendu, one of its zones crossing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.samples.bourg_layout import BROOK_V
from jnt_pipeline.samples.bourg_tables import write_shapefile
from jnt_pipeline.samples.bourg_town import Village
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.sites import BOURG

__all__ = ["BROKEN_ZONE", "PLANNING_CLASSES", "to_lambert_2", "write_planning"]

LAMBERT_2 = "EPSG:27572"
ORIGIN_LAMBERT_2 = (788_098.7925, 2_160_532.6812)
"""Origin of the site in Lambert II étendu."""
TURN = ((1.000823372, 0.008540675), (-0.008535771, 1.000827762))
"""Metres of Lambert II étendu for a metre east, and for a metre north, of Lambert-93 at the origin of the site.

Fitted to IGN's grid gr3df97a over 640 m x 540 m, within 0.1 mm of it: so the sample is written without any grid.
"""
PLANNING_CLASSES = ("PRESCRIPTION_SURF", "ZONE_URBA")
BROKEN_ZONE = "2AU"
"""Label of the zone whose ring crosses itself."""
_DATED = "20120329"


def to_lambert_2(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """From Lambert-93 to Lambert II étendu, near the village; arrays of shape (n, 2), metres."""
    return np.asarray(ORIGIN_LAMBERT_2 + (xy - np.array(BOURG.origin, dtype=np.float64)) @ np.array(TURN))


_ZONES: tuple[tuple[str, str, str, tuple[float, float, float, float]], ...] = (
    ("UA", "U", "Centre ancien, bâti en ordre continu", (-125.0, 126.5, -40.5, 14.5)),
    ("UB", "U", "Extension récente du bourg", (-125.5, 126.5, 14.5, 69.5)),
    ("UBa", "U", "Hameau de l'est, assainissement à créer", (126.5, 210.0, -40.5, 69.5)),
    ("A", "A", "Exploitations agricoles et leurs bâtiments", (-209.0, 210.0, -101.5, -40.5)),
    ("Av", "A", "Vignes d'appellation, inconstructibles", (-209.0, 210.0, 69.5, 124.0)),
    ("N", "N", "Prés inondables du Moulin", (-209.0, 210.0, -190.0, -101.5)),
    ("1AU", "AUc", "Urbanisation future, réseaux présents", (-209.0, -125.5, -40.5, 14.5)),
    (BROKEN_ZONE, "AUs", "Urbanisation future, réseaux à créer", (-209.0, -125.5, 14.5, 69.5)),
)
"""Label, type, name and rectangle in the village's own axes (u0, u1, v0, v1)."""


def write_planning(village: Village, folder: Path) -> dict[str, dict[str, Any]]:
    """Write zones and prescriptions under the names of the CNIG standard, to the centimetre; returns what is kept."""
    to_world = village.town.layout.frame.to_world

    def drawn(corners: NDArray[np.float64]) -> Polygon:
        return Polygon(np.round(to_lambert_2(to_world(corners)), 2))

    shapes = []
    for label, *_, rectangle in _ZONES:
        corners = Rectangle(*rectangle).corners
        # Two corners exchanged: the ring crosses itself in the middle.
        shapes.append(drawn(corners[[0, 2, 1, 3]] if label == BROKEN_ZONE else corners))
    n, idurba = len(_ZONES), f"{village.town.site.insee}_PLU_{_DATED}"
    zones: dict[str, Sequence[Any]] = {
        "LIBELLE": [zone[0] for zone in _ZONES],
        "LIBELONG": [zone[2] for zone in _ZONES],
        "TYPEZONE": [zone[1] for zone in _ZONES],
        "DESTDOMI": ["01" if zone[1] == "U" else "00" for zone in _ZONES],
        "NOMFIC": [f"{village.town.site.insee}_reglement_{_DATED}.pdf"] * n,
        "INSEE": [village.town.site.insee] * n,
        "DATAPPRO": [_DATED] * n,
        "IDURBA": [idurba] * n,
    }
    write_shapefile(folder / "ZONE_URBA.shp", zones, shapes, LAMBERT_2)
    orchard = drawn(Rectangle(-80.0, -50.0, -152.0, -110.0).corners)
    flood = drawn(np.array([(-209.0, BROOK_V - 9.0), (210.0, BROOK_V - 9.0), (210.0, -150.0), (-209.0, -140.0)]))
    kept: dict[str, Sequence[Any]] = {
        "LIBELLE": ["Verger à préserver", "Zone inondable du ruisseau"],
        "TXT": ["V1", "PPRI"],
        "TYPEPSC": ["07", "02"],
        "INSEE": [village.town.site.insee] * 2,
        "DATAPPRO": [_DATED] * 2,
        "IDURBA": [idurba] * 2,
    }
    write_shapefile(folder / "PRESCRIPTION_SURF.shp", kept, [orchard, shapely.normalize(flood)], LAMBERT_2)
    return {
        "planning_zones": {"read": n, "kept": n - 1, "rejected": {"invalid_geometry": 1}},
        "planning_prescriptions_surface": {"read": 2, "kept": 2, "rejected": {}},
    }
