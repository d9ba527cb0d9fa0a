"""Names of the classes of LiDAR points (*classes des nuages de points*): ASPRS, and those of IGN's LiDAR HD."""

from __future__ import annotations

__all__ = ["class_name"]

_NAMES = {
    0: "never classified (jamais classé)",
    1: "unclassified (non classé)",
    2: "ground (sol)",
    3: "low vegetation (végétation basse)",
    4: "medium vegetation (végétation moyenne)",
    5: "high vegetation (végétation haute)",
    6: "building (bâtiment)",
    7: "low noise (bruit bas)",
    8: "model key point (point clé)",
    9: "water (eau)",
    10: "rail (voie ferrée)",
    11: "road surface (chaussée)",
    12: "overlap (recouvrement)",
    13: "wire guard (câble de garde)",
    14: "wire conductor (câble électrique)",
    15: "transmission tower (pylône)",
    16: "wire connector (isolateur)",
    17: "bridge deck (tablier de pont)",
    18: "high noise (bruit haut)",
    64: "lasting objects above ground (sursol pérenne)",
    65: "artefacts (artefacts)",
    66: "virtual points (points virtuels)",
    67: "other built objects (divers bâtis)",
}
"""LAS 1.4 R15, table 17; from 64 on those of LiDAR HD (IGN, DC_LiDAR_HD_1-0_PTS)."""


def class_name(code: int) -> str:
    """What a class code means; a code that neither defines is told as the producer's own.

    >>> class_name(17)
    'bridge deck (tablier de pont)'
    """
    if code in _NAMES:
        return _NAMES[code]
    return "reserved (réservé)" if code < 64 else "the producer's own (propre au producteur)"
