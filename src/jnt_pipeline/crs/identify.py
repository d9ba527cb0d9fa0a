"""Read the reference that a file states, in whatever form, as EPSG codes; never a guess (*système de coordonnées*)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TypedDict

import pyproj
from pyproj.crs import CRS
from pyproj.exceptions import CRSError as PyprojCRSError

from jnt_pipeline.crs.france.territories import LONLAT_TWINS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import meridian_deg
from jnt_pipeline.errors import MissingCrsError, MissingHeightReferenceError

__all__ = ["reference_of"]

MIN_CONFIDENCE = 70
"""PROJ's confidence, %, from which a nameless system may be matched: 70 = names differ, parameters agree."""

_LONLAT = {"OGC:CRS84": "EPSG:4326", "OGC:CRS84H": "EPSG:4979"}  # same datum, axes in the order used here anyway


def reference_of(crs: str | CRS, *, where: object = "") -> Reference:
    """The reference that a text or a pyproj CRS states, as EPSG codes.

    Takes WKT 1 and 2 (Esri's too), PROJJSON, ``EPSG:…``, OGC and IGNF codes, URNs, compound systems. A system that
    carries no EPSG code is matched to one only when PROJ is confident *and* ellipsoid, prime meridian, projection
    and units agree number by number. A code that its own parameters contradict is refused.

    Parameters
    ----------
    where
        File or field, for the message.

    Raises
    ------
    MissingCrsError
        Nothing is stated, it cannot be read, or no EPSG code corresponds to it.
    MissingHeightReferenceError
        The horizontal part is sound, the vertical part cannot be identified.
    """
    text = crs if isinstance(crs, str) else crs.to_wkt()
    return _reference_of(text.strip("\x00 \r\n\t\ufeff"), str(where))


@lru_cache(maxsize=256)
def _reference_of(text: str, where: str) -> Reference:
    if not text:
        raise MissingCrsError(
            "no coordinate reference system is stated",
            where=where,
            found="an empty text",
            expected="an EPSG code or a WKT",
            remedy="declare the reference of this source in the configuration, e.g. EPSG:2154+5720",
        )
    text = _LONLAT.get(text.upper(), text)
    try:
        crs = CRS.from_user_input(text)
    except PyprojCRSError as error:
        raise MissingCrsError(
            "the coordinate reference system cannot be read",
            where=where,
            found=_short(text),
            expected="an EPSG code, WKT or PROJJSON that PROJ understands",
            remedy="declare the reference of this source in the configuration, e.g. EPSG:2154+5720",
        ) from error
    return _of(crs, where)


def _of(crs: CRS, where: str) -> Reference:
    crs = _unbound(crs)
    if crs.is_compound:
        horizontal, vertical = (_unbound(part) for part in crs.sub_crs_list)
        if vertical.is_vertical:
            return Reference(horizontal=_code(horizontal, where), vertical=_code(vertical, where))
    if crs.is_vertical:
        raise MissingCrsError(
            "only a vertical system is stated",
            where=where,
            found=crs.name,
            expected="a horizontal system, with or without a vertical one",
            remedy="declare the horizontal reference",
        )
    return Reference(horizontal=_code(crs, where))


def _unbound(crs: CRS) -> CRS:
    """Without the TOWGS84 that old writers attach: it is a transformation, not a part of the system."""
    return crs.source_crs if crs.is_bound and crs.source_crs is not None else crs


def _code(crs: CRS, where: str) -> str:
    code = _matched(crs, where)
    return LONLAT_TWINS.get(code, code)


def _matched(crs: CRS, where: str) -> str:
    if not crs.is_vertical and crs.name.upper().startswith("WGS 84 (CRS84)"):
        return "EPSG:4326"
    stated = _stated_code(crs)
    if stated is not None:
        official = _official(stated, where)
        if _agree(crs, official):
            return stated
        raise _error(
            crs,
            f"the file says {stated} ({official.name}), and its own parameters contradict it",
            where,
            found=_short(crs.to_wkt()),
        )
    crs = _latitude_first(crs)
    matches = crs.list_authority(auth_name="EPSG", min_confidence=MIN_CONFIDENCE)
    equal = [
        f"EPSG:{match.code}"
        for match in matches
        if match.confidence == max(m.confidence for m in matches) and _agree(crs, pyproj.CRS.from_epsg(int(match.code)))
    ]
    if len(equal) == 1:
        return equal[0]
    found = f"{crs.name}; " + (f"as likely {' or '.join(equal)}" if equal else "no EPSG system has its parameters")
    raise _error(crs, "the system carries no EPSG code, and is not certainly one of EPSG's", where, found=found)


def _latitude_first(crs: CRS) -> CRS:
    """A geographic system with its axes in EPSG's order: WKT 1 puts longitude first, which means nothing here."""
    if not crs.is_geographic or not crs.axis_info or crs.axis_info[0].direction.lower() != "east":
        return crs
    document = crs.to_json_dict()
    axes = document["coordinate_system"]["axis"]
    document["coordinate_system"]["axis"] = [axes[1], axes[0], *axes[2:]]
    return CRS.from_json_dict(document)


def _stated_code(crs: CRS) -> str | None:
    identifier = crs.to_json_dict().get("id")
    if isinstance(identifier, dict) and identifier.get("authority") == "EPSG":
        return f"EPSG:{identifier['code']}"
    return None


def _official(code: str, where: str) -> CRS:
    try:
        return CRS.from_user_input(code)
    except PyprojCRSError as error:
        raise MissingCrsError(
            f"the file says {code}, which PROJ does not know",
            where=where,
            found=code,
            expected=f"a code in the database of PROJ {pyproj.proj_version_str}",
            remedy="declare the reference of this source in the configuration",
        ) from error


def _error(crs: CRS, what: str, where: str, *, found: str) -> MissingCrsError | MissingHeightReferenceError:
    kind = MissingHeightReferenceError if crs.is_vertical else MissingCrsError
    return kind(
        what,
        where=where,
        found=found,
        expected="an EPSG code whose parameters are those of the file",
        remedy="declare the reference of this source in the configuration, e.g. EPSG:2154+5720",
    )


class _Parameters(TypedDict):
    kind: str
    axes: list[tuple[str, float]]
    ellipsoid: list[float]
    meridian_deg: float
    method: str
    values: dict[str, float]
    datum: str


def _agree(one: CRS, other: CRS) -> bool:
    """Whether two systems have the same numbers: axes and units, ellipsoid, prime meridian, projection.

    Names are compared for vertical systems alone, which have no other property than their datum.
    """
    a, b = _parameters(one), _parameters(other)
    if a["kind"] != b["kind"] or a["datum"] != b["datum"] or a["method"] != b["method"]:
        return False
    if len(a["axes"]) != len(b["axes"]) or {d for d, _ in a["axes"]} != {d for d, _ in b["axes"]}:
        return False
    if not all(math.isclose(u, v, rel_tol=1e-9) for (_, u), (_, v) in zip(a["axes"], b["axes"], strict=True)):
        return False
    if len(a["ellipsoid"]) != len(b["ellipsoid"]):
        return False
    numbers = zip([*a["ellipsoid"], a["meridian_deg"]], [*b["ellipsoid"], b["meridian_deg"]], strict=True)
    # WKT 1 rounds; 1e-9 of 6,378 km is 6 mm, half a unit of the tenth digit that Esri writes.
    if not all(math.isclose(u, v, rel_tol=1e-9, abs_tol=1e-9) for u, v in numbers):
        return False
    names = a["values"].keys() | b["values"].keys()
    return all(
        math.isclose(a["values"].get(n, 0.0), b["values"].get(n, 0.0), rel_tol=1e-9, abs_tol=1e-9)
        for n in names
        if not n.startswith("Scale factor") or n in a["values"].keys() & b["values"].keys()
    )


def _parameters(crs: CRS) -> _Parameters:
    kind = "vertical" if crs.is_vertical else "geocentric" if crs.is_geocentric else "plane"
    if kind == "plane":
        kind = "geographic" if crs.is_geographic else "projected" if crs.is_projected else crs.type_name
    axes = [(axis.direction.lower(), axis.unit_conversion_factor) for axis in crs.axis_info]
    ellipsoid, operation = crs.ellipsoid, crs.coordinate_operation
    return _Parameters(
        kind=kind,
        axes=axes,
        ellipsoid=[] if ellipsoid is None else [ellipsoid.semi_major_metre, ellipsoid.inverse_flattening],
        meridian_deg=meridian_deg(crs),
        method="" if operation is None else _canonical_method(operation.method_name),
        values=_values(crs),
        datum=_plain(crs.datum.name) if crs.is_vertical and crs.datum is not None else "",
    )


def _values(crs: CRS) -> dict[str, float]:
    """Parameters in SI units; the two standard parallels of a cone may come in either order."""
    operation = crs.coordinate_operation
    if operation is None:
        return {}
    values = {p.name: float(p.value) * float(p.unit_conversion_factor) for p in operation.params}
    parallels = ("Latitude of 1st standard parallel", "Latitude of 2nd standard parallel")
    if all(name in values for name in parallels):
        values |= dict(zip(parallels, sorted(values[name] for name in parallels), strict=True))
    return values


def _canonical_method(name: str) -> str:
    return name.replace("Gauss-Kruger", "Transverse Mercator")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else f"{flat[:157]}…"
