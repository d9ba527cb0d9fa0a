"""Where addresses are: ``x, y`` in the legal projection or ``lon, lat``, chosen per file, and both compared.

Files state each place twice. ``x, y`` are written to the centimetre, ``lon, lat`` to six decimals (0.1 m): where both
are equally good, ``x, y`` are taken. The pair that puts more records near the chef-lieu of their département wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.crs.france.departements import CHEFS_LIEUX, OVERSEAS, is_near
from jnt_pipeline.crs.france.territories import territory_at
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import lonlat, system
from jnt_pipeline.errors import CrsError, MissingCrsError
from jnt_pipeline.sources.findings import records_warning
from jnt_pipeline.sources.intake import Finding

__all__ = ["AddressPlaces", "legal_projection", "places_of"]

Array = NDArray[np.float64]

CONTRADICTION_M = 2.0  # metres: degrees with five decimals are 1 m apart
_SYSTEMATIC_M = 10.0  # metres: no two ways to measure one door are further apart, and any wrong projection is
_FEWEST = 3  # rows that state both: fewer are told, and refuse no file
_RIGHT_SHARE = 0.2  # of these rows: where so many agree, projection and axes are right, and single records are wrong
_DEGREES = Reference(horizontal="EPSG:4326")
_AS_WRITTEN = {"EPSG:9794": "EPSG:2154"}  # files of addresses are in RGF93 v1, 3 mm from the legal realisation
_EARTH_M = 6_371_000.0
_PROJECTED, _GEOGRAPHIC = ("x", "y"), ("longitude", "latitude")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPlaces:
    """The places of the records of one file."""

    points: Array
    """Shape (n, 2), in ``reference``; NaN where a record states none."""
    reference: Reference
    faults: dict[int, tuple[str, str]]
    """Position of a record whose coordinates are no numbers → reason code and sentence."""
    findings: tuple[Finding, ...]
    note: str
    """Which coordinates were taken, and why."""


def legal_projection(departements: set[str]) -> str | None:
    """The projection that ``x, y`` are in where these départements lie; None for none, or for several territories."""
    found = set()
    for code in departements:
        territory = territory_at(*(CHEFS_LIEUX.get(code) or OVERSEAS[code]))
        if territory is None:
            return None
        found.add(territory.legal[0])
    return _AS_WRITTEN.get(only := found.pop(), only) if len(found) == 1 else None


def places_of(
    frame: pd.DataFrame,
    departements: NDArray[np.object_],
    records: NDArray[np.object_],
    *,
    projection: str | None,
    where: str,
) -> AddressPlaces:
    """Choose the coordinates of a table of addresses.

    Parameters: ``departements`` shape (n,), None where not known; ``projection`` of ``x, y`` where it is declared.
    Raises ``MissingCrsError`` when there are only ``x, y`` and nothing says in which projection; ``CrsError`` when the
    two pairs contradict each other in most rows, as with a wrong projection or exchanged columns.
    """
    n = len(frame)
    xy, bad_xy = _numbers(frame, _PROJECTED)
    degrees, bad_degrees = _numbers(frame, _GEOGRAPHIC)
    known = {str(code) for code in departements if code is not None}
    code = projection or legal_projection(known)
    has_xy, has_degrees = np.isfinite(xy).all(axis=1), np.isfinite(degrees).all(axis=1)
    if code is None and has_xy.any() and not has_degrees.any():
        raise MissingCrsError(
            "nothing tells the projection of x, y",
            where=where,
            found=f"départements {', '.join(sorted(known)) or 'unknown'}, no lon, lat",
            expected="addresses of one territory, with the INSEE codes of their communes",
            remedy="declare `projection:` on the source, e.g. EPSG:2154",
        )
    as_degrees = np.full((n, 2), np.nan)
    if code is not None and has_xy.any():
        lon, lat = lonlat(system(Reference(horizontal=code)), xy[has_xy])
        as_degrees[has_xy] = np.column_stack((lon, lat))
    n_xy, n_degrees = _n_in_place(as_degrees, departements), _n_in_place(degrees, departements)
    findings = []
    apart = _distance_m(as_degrees, degrees)
    # numbers that are no place of the projection at all lie apart from any
    both = has_xy & has_degrees if code is not None else np.zeros(n, dtype=bool)
    strayed = both & ~(apart <= CONTRADICTION_M)
    if code is not None and _is_systematic(apart[both]):
        raise _contradiction(xy[both], degrees[both], apart[both], code, projection, legal_projection(known), where)
    takes_xy = code is not None and n_xy >= n_degrees and n_xy > 0
    taken, left = ("x, y", "lon, lat") if takes_xy else ("lon, lat", "x, y")
    if strayed.any():
        findings.append(
            records_warning(
                "contradicting_coordinates",
                f"records whose x, y ({code}) and lon, lat lie more than {CONTRADICTION_M:g} m apart, "
                f"up to {np.nanmax(apart[strayed], initial=0):,.0f} m; {taken} are taken",
                records[strayed],
                "ask the producer which of the two is right",
            )
        )
    n_taken, n_left = (n_xy, n_degrees) if takes_xy else (n_degrees, n_xy)
    why = f"{n_taken} of {n} records lie near their département by {taken}, {n_left} by {left}"
    bad = bad_xy if takes_xy else bad_degrees
    return AddressPlaces(
        points=xy if takes_xy else degrees,
        reference=Reference(horizontal=code) if takes_xy and code is not None else _DEGREES,
        faults={int(i): ("bad_coordinates", f"{taken} are no finite numbers: {text}") for i, text in bad.items()},
        findings=tuple(findings),
        note=f"places from {taken}{f' in {code}' if takes_xy else ''}: {why}",
    )


def _is_systematic(apart: Array) -> bool:
    """Whether two ways to state the same places differ in most rows; ``apart`` metres, NaN for no place at all."""
    if len(apart) < _FEWEST:
        return False
    differ, agree = ~(apart <= _SYSTEMATIC_M), apart <= CONTRADICTION_M
    return bool(differ.mean() > 0.5 and agree.mean() < _RIGHT_SHARE)


def _contradiction(
    xy: Array, degrees: Array, apart: Array, code: str, declared: str | None, legal: str | None, where: str
) -> CrsError:
    """The error on a table whose ``x, y`` and ``lon, lat`` contradict each other, with what would make them agree."""
    n = int((~(apart <= _SYSTEMATIC_M)).sum())
    typical = np.median(np.nan_to_num(apart, nan=np.inf))
    by = f"by {typical:,.0f} m in the median" if np.isfinite(typical) else "most x, y are no place of the projection"
    stated = f"{code}, declared" if declared else f"{code}, legal there"
    remedy = "declare `projection:` as the producer states it, or take the wrong pair of columns out of the table"
    for points, other, words, cure in (
        (xy[:, ::-1], code, "x and y exchanged", "exchange the columns x and y, and tell the producer"),
        (xy, legal, f"x, y in {legal}, legal there", "drop `projection:`, or declare that one"),
    ):
        if other is not None and np.median(_apart(points, degrees, other)) <= CONTRADICTION_M:
            by, remedy = f"{by}; with {words}, they agree", cure
            break
    return CrsError(
        "x, y and lon, lat state different places",
        where=where,
        found=f"{n} of {len(apart)} rows more than {_SYSTEMATIC_M:g} m apart (x, y in {stated}), {by}",
        expected=f"both within {CONTRADICTION_M:g} m",
        remedy=remedy,
    )


def _apart(xy: Array, degrees: Array, code: str) -> Array:
    """Metres between projected places and places in degrees; infinite where the first are none."""
    lon, lat = lonlat(system(Reference(horizontal=code)), np.ascontiguousarray(xy))
    return np.nan_to_num(_distance_m(np.column_stack((lon, lat)), degrees), nan=np.inf)


def _numbers(frame: pd.DataFrame, names: tuple[str, str]) -> tuple[Array, dict[int, str]]:
    """Coordinates, shape (n, 2), NaN where absent; and what stands in records where it is no pair of numbers."""
    if not set(names) <= set(frame.columns):
        return np.full((len(frame), 2), np.nan), {}
    texts = frame[list(names)]
    # a decimal comma cannot be taken for anything else in one cell
    values = np.column_stack(
        [
            pd.to_numeric(texts[name].str.replace(",", ".", regex=False), errors="coerce").to_numpy(
                "float64", na_value=np.nan
            )
            for name in names
        ]
    )
    values[~np.isfinite(values).all(axis=1)] = np.nan
    wrong = texts.notna().any(axis=1).to_numpy() & ~np.isfinite(values).all(axis=1)
    return values, {int(i): ", ".join(map(str, texts.iloc[i])) for i in np.flatnonzero(wrong)}


def _n_in_place(degrees: Array, departements: NDArray[np.object_]) -> int:
    """How many places lie near the chef-lieu of their département, or have none to be judged by."""
    count = 0
    codes = np.array([code or "" for code in departements], dtype=object)
    for code in np.unique(codes.astype(str)):
        rows = degrees[codes == code]
        rows = rows[np.isfinite(rows).all(axis=1)]
        count += int(is_near(str(code), rows[:, 0], rows[:, 1]).sum()) if code else len(rows)
    return count


def _distance_m(one: Array, other: Array) -> Array:
    """Distance between two lists of places in degrees, metres on a sphere; NaN where one is absent."""
    a, b = np.radians(one), np.radians(other)
    half = np.sin((b[:, 1] - a[:, 1]) / 2) ** 2
    half += np.cos(a[:, 1]) * np.cos(b[:, 1]) * np.sin((b[:, 0] - a[:, 0]) / 2) ** 2
    distance: Array = 2 * _EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return distance
