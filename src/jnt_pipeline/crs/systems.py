"""What a reference means: its kind, its axes, whether it states heights, and over which ellipsoid or datum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import CRSError as PyprojCRSError

from jnt_pipeline.crs.france.datum_rules import LONLAT_TWINS
from jnt_pipeline.crs.france.system_table import ALL_SYSTEMS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import CrsError, MissingCrsError

__all__ = ["System", "back_to_plane", "canonical", "has_heights", "lonlat", "meridian_deg", "move", "system"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A reference, resolved in PROJ's database. One per reference and process."""

    reference: Reference
    """In canonical form: a compound code is taken apart."""
    crs: pyproj.CRS
    """The whole, heights included."""
    flat: pyproj.CRS | None
    """The horizontal part in two dimensions; None when geocentric."""
    geodetic: pyproj.CRS
    """The geographic (or geocentric) system below it, in two dimensions when geographic."""
    datum_code: str
    """Code of that system, e.g. EPSG:4171; empty when EPSG has none."""

    @property
    def is_geocentric(self) -> bool:
        """Whether coordinates are X, Y, Z from the Earth's centre."""
        return self.flat is None

    @property
    def has_heights(self) -> bool:
        """Whether the reference states heights, above a vertical datum or above the ellipsoid."""
        return self.reference.vertical is not None or len(self.crs.axis_info) == 3

    @property
    def is_degrees(self) -> bool:
        """Whether the horizontal axes are angles."""
        return self.flat is not None and self.flat.is_geographic


def has_heights(reference: Reference) -> bool:
    """Whether a reference states heights: a vertical datum, a 3D geographic or a geocentric system."""
    return system(reference).has_heights


def canonical(reference: Reference | str) -> Reference:
    """The same reference with a compound EPSG code taken apart: EPSG:5698 becomes EPSG:2154+5720.

    Raises
    ------
    MissingCrsError
        The text is not a reference, or PROJ's database does not hold the code.
    """
    return system(_reference(reference)).reference


def _reference(value: Reference | str) -> Reference:
    if isinstance(value, Reference):
        return value
    try:
        return Reference.model_validate(value)
    except ValueError as error:
        raise MissingCrsError(
            "this is not a reference",
            found=repr(value),
            expected="EPSG codes, horizontal then vertical, such as EPSG:2154+5720",
            remedy="write the codes, or take them from the file with crs.reference_of",
        ) from error


@lru_cache(maxsize=512)
def system(reference: Reference) -> System:
    """Resolve a reference.

    Raises
    ------
    MissingCrsError
        PROJ's database does not hold one of the codes.
    CrsError
        The codes contradict each other: a vertical code alone, or a vertical added to a 3D system.
    """
    if reference.horizontal in LONLAT_TWINS:
        return system(reference.model_copy(update={"horizontal": LONLAT_TWINS[reference.horizontal]}))
    horizontal = _from_code(reference.horizontal)
    vertical = reference.vertical
    if horizontal.is_compound:
        parts = horizontal.sub_crs_list
        stated = _code(parts[1])
        if vertical is not None and vertical != stated:
            raise _contradiction(reference, f"{reference.horizontal} already states the vertical {stated}")
        return system(Reference(horizontal=_code(parts[0]), vertical=stated))
    if horizontal.is_vertical:
        raise _contradiction(reference, f"{reference.horizontal} is a vertical system, {horizontal.name}")
    if vertical is not None:
        if len(horizontal.axis_info) == 3:
            raise _contradiction(reference, f"{reference.horizontal} already has heights above the ellipsoid")
        if not _from_code(vertical).is_vertical:
            raise _contradiction(reference, f"{vertical} is no vertical system")
    geodetic = horizontal if horizontal.is_geocentric else _geographic(horizontal, reference)
    flat = None if horizontal.is_geocentric else horizontal.to_2d()
    return System(
        reference=reference,
        crs=pyproj.CRS(reference.code),
        flat=flat,
        geodetic=geodetic,
        datum_code=_code(geodetic) if geodetic.to_authority(min_confidence=100) else "",
    )


def _geographic(horizontal: pyproj.CRS, reference: Reference) -> pyproj.CRS:
    geodetic = horizontal.geodetic_crs
    if geodetic is None:
        raise _contradiction(reference, f"{reference.horizontal} ({horizontal.type_name}) has no geodetic datum")
    return geodetic.to_2d()


def _from_code(code: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(code)
    except PyprojCRSError as error:
        known = ALL_SYSTEMS.get(code)
        if known is not None and known.minimal_proj:
            raise MissingCrsError(
                f"this PROJ does not know {code} ({known.name}) yet",
                found=f"database of PROJ {pyproj.proj_version_str}",
                expected=f"PROJ {known.minimal_proj} or newer, whose database holds it",
                remedy=f"install a pyproj built with PROJ {known.minimal_proj} or newer",
            ) from error
        raise MissingCrsError(
            f"PROJ does not know {code}",
            found=f"database of PROJ {pyproj.proj_version_str}",
            expected="an EPSG code of a coordinate reference system",
            remedy="check the code; newer codes need a newer PROJ",
        ) from error


def _code(crs: pyproj.CRS) -> str:
    authority = crs.to_authority(auth_name="EPSG", min_confidence=100)
    if authority is None:
        raise MissingCrsError(
            "this system has no EPSG code", where=crs.name, expected="an EPSG code", remedy="state the code"
        )
    return ":".join(authority)


def _contradiction(reference: Reference, found: str) -> CrsError:
    return CrsError(
        "the reference contradicts itself",
        where=reference.code,
        found=found,
        expected="a horizontal code, then a vertical code where heights are above a vertical datum",
        remedy="for example EPSG:2154+5720, EPSG:5698, EPSG:4979 or EPSG:4978",
    )


@lru_cache(maxsize=512)
def _to_geodetic(source: System) -> tuple[pyproj.Transformer | None, float, float]:
    """Pure conversion to the system below, then degrees per unit and prime meridian (degrees, added)."""
    if source.is_geocentric:
        size = source.crs.ellipsoid
        if size is None:
            raise CrsError("a geocentric system without an ellipsoid", where=source.reference.code)
        pipeline = (
            f"+proj=pipeline +step +inv +proj=cart +a={size.semi_major_metre!r} +b={size.semi_minor_metre!r} "
            "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
        )
        return pyproj.Transformer.from_pipeline(pipeline), 1.0, 0.0
    unit_deg = math.degrees(source.geodetic.axis_info[0].unit_conversion_factor)
    shift = meridian_deg(source.geodetic)
    if source.is_degrees:
        return None, unit_deg, shift
    conversion = pyproj.Transformer.from_crs(source.flat, source.geodetic, always_xy=True)
    return conversion, unit_deg, shift


def meridian_deg(crs: pyproj.CRS) -> float:
    """Longitude of the prime meridian from Greenwich, degrees (Paris counts in grades)."""
    meridian = crs.prime_meridian
    return 0.0 if meridian is None else math.degrees(meridian.longitude * float(meridian.unit_conversion_factor))


def move(transformer: pyproj.Transformer, columns: list[Array]) -> list[Array]:
    """Two or three columns through PROJ, which gives infinity where it has no answer."""
    if len(columns) == 2:
        return [np.asarray(c) for c in transformer.transform(columns[0], columns[1])]
    return [np.asarray(c) for c in transformer.transform(columns[0], columns[1], columns[2])]


def lonlat(source: System, coordinates: Array) -> tuple[Array, Array]:
    """Longitude and latitude from Greenwich, degrees, on the system's own datum; infinite where there is none.

    Good to find out *where* a point is; it does not change the datum (at most 200 m in France).
    """
    conversion, unit_deg, shift = _to_geodetic(source)
    columns = [coordinates[:, i] for i in range(3 if source.is_geocentric else 2)]
    if conversion is not None:
        columns = move(conversion, columns)
    return np.asarray(columns[0]) * unit_deg + shift, np.asarray(columns[1]) * unit_deg


def back_to_plane(source: System, lon: Array, lat: Array) -> Array:
    """Longitude and latitude from Greenwich, degrees, back to the plane of the same datum: undoes :func:`lonlat`.

    Returns
    -------
    (n, 2) float64, infinite where the projection has no answer.
    """
    conversion, unit_deg, shift = _to_geodetic(source)
    x, y = (np.asarray(lon) - shift) / unit_deg, np.asarray(lat) / unit_deg
    if conversion is not None:
        x, y = conversion.transform(x, y, direction="INVERSE")
    return np.column_stack((x, y))
