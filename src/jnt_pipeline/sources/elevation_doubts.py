"""Where an elevation raster contradicts what it is taken for: the place in its name, heights that are elevations."""

from __future__ import annotations

from jnt_pipeline.crs.france.territories import TERRITORIES
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import SourceError
from jnt_pipeline.sources.elevation_names import named_corner, product_of_name
from jnt_pipeline.sources.elevation_pixels import RasterHeader, RasterSummary
from jnt_pipeline.sources.las_reference import named_code

__all__ = ["above_ground_doubt", "require_named_place"]

_SIDE_M = {"LiDAR HD": 1000.0}
_PIXELS_A_SIDE = 1000  # RGE ALTI and BD ALTI: 1 km at 1 m, 5 km at 5 m, 25 km at 25 m
_SAME_PLANE = {"EPSG:9794": "EPSG:2154"}  # realisations of Lambert-93, 3 mm apart
_LEGAL = {territory.legal[0] for territory in TERRITORIES}
_ABOVE_GROUND_M = (-5.0, 60.0)  # holes and noise of MNS - MNT; the tallest trees and most buildings of a tile
_NEAR_ZERO_SHARE = 0.1  # bare ground of IGN's own MNH: 33 % in the town of Montpellier, some 10 % under trees


def require_named_place(header: RasterHeader, file_name: str, reference: Reference) -> None:
    """Raise ``SourceError`` where the pixels lie outside the tile that a product name states.

    One pixel is allowed for: LiDAR HD and RGE ALTI have the *centres* of their pixels on whole multiples, so that the
    outer edge lies half a pixel outside the kilometre. Says nothing where the reference is not the named projection,
    or, where the name has no word for one, no legal projection of a French territory.
    """
    corner, product = named_corner(file_name), product_of_name(file_name)
    named = named_code(file_name)
    planes = {_plane(code) for code in (_LEGAL if named is None else {named})}
    if corner is None or product is None or _plane(reference.horizontal) not in planes:
        return
    pixel = abs(header.pixel[0])
    side = _SIDE_M.get(product, _PIXELS_A_SIDE * pixel)
    west, south, east, north = header.bounds
    outside = max(corner[0] - west, east - corner[0] - side, north - corner[1], corner[1] - side - south)
    if outside <= pixel * 1.001:
        return
    raise SourceError(
        "the raster lies elsewhere than its name states",
        where=file_name,
        found=f"pixels from {west:.10g}, {south:.10g} to {east:.10g}, {north:.10g}: {outside:,.10g} m outside",
        expected=f"the tile of {side / 1000:g} km whose NORTH-WEST corner is {corner[0]:.10g}, {corner[1]:.10g}",
        remedy="ask the producer which is true, the name or the place; correct the name, or fetch the tile again",
    )


def above_ground_doubt(summary: RasterSummary) -> str | None:
    """A sentence where the values look like heights above the ground (*MNH*), which they cannot prove; else None."""
    if summary.lowest_m is None or summary.highest_m is None:
        return None
    is_low = summary.lowest_m >= _ABOVE_GROUND_M[0] and summary.highest_m <= _ABOVE_GROUND_M[1]
    share = summary.n_near_zero / summary.n_known
    if not is_low or share < _NEAR_ZERO_SHARE:
        return None
    return (
        f"the values look like heights above the ground (MNH), not elevations: all from {summary.lowest_m:.2f} to "
        f"{summary.highest_m:.2f} m, {share:.0%} of them within 0.1 m of zero"
    )


def _plane(code: str) -> str:
    return _SAME_PLANE.get(code, code)
