"""Roof types (*formes de toiture*): flat, shed, gabled, hipped, or complex, from the faces alone."""

from __future__ import annotations

from collections.abc import Sequence

from jnt_pipeline.territory.roofs.faces import RoofFace

__all__ = ["ROOF_TYPES", "roof_type"]

ROOF_TYPES = {
    "flat": "every face level within 4 degrees (toiture-terrasse), whatever their number",
    "shed": "one sloping face (un versant, appentis)",
    "gabled": "two faces that look away from each other (deux versants)",
    "hipped": "three or four faces that look to different sides, falling from a ridge or a point (à croupes, pavillon)",
    "complex": "anything else",
}
"""Types of roof, each with a sentence for reports. After the code list of INSPIRE Buildings, RoofTypeValue."""

_LEVEL_DEG = 4.0
# Flat roofs are drained at 1 to 5 % (DTU 43.1): up to 3 degrees.
_OPPOSITE_DEG = 25.0
_APART_DEG = 40.0


def roof_type(faces: Sequence[RoofFace]) -> str:
    """A key of ``ROOF_TYPES``; empty without faces."""
    if not faces:
        return ""
    sloping = [face for face in faces if face.plane.slope_deg > _LEVEL_DEG]
    if not sloping:
        return "flat"
    if len(sloping) < len(faces):
        return "complex"
    if len(faces) == 1:
        return "shed"
    azimuths = [face.plane.azimuth_deg for face in faces]
    if len(faces) == 2:
        opposite = abs(_turn(*azimuths) - 180) <= _OPPOSITE_DEG
        return "gabled" if opposite and _fall_away(faces) else "complex"
    if len(faces) in (3, 4):
        ordered = sorted(azimuths)
        turns = [_turn(a, b) for a, b in zip(ordered, (*ordered[1:], ordered[0]), strict=True)]
        return "hipped" if min(turns) >= _APART_DEG and _fall_away(faces) else "complex"
    return "complex"


def _turn(first: float, second: float) -> float:
    """Smallest angle between two azimuths, degrees."""
    return abs((second - first + 180) % 360 - 180)


def _fall_away(faces: Sequence[RoofFace]) -> bool:
    """Whether each face lies below the planes of the others (the roof is their lower envelope)."""
    for face in faces:
        place = face.polygon.representative_point()
        own = face.plane.at(place.x, place.y)
        if any(other.plane.at(place.x, place.y) < own - 0.05 for other in faces):
            return False
    return True
