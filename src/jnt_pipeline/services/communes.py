"""The area that communes cover (*emprise des communes*), and the place to ask a service for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from jnt_pipeline.area import AreaOfInterest, Bounds
from jnt_pipeline.crs import Reference, transformation
from jnt_pipeline.errors import ConfigError, ServiceError
from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.content import geojson_gz
from jnt_pipeline.services.insee import cadastral_codes, departement
from jnt_pipeline.services.job import FetchJob
from jnt_pipeline.services.pages import bad_answer
from jnt_pipeline.services.transfer import Wanted, bring_all

__all__ = ["area_of_communes", "place_of"]

_ASKED_IN = {"EPSG:9794": "EPSG:2154", "EPSG:9793": "EPSG:2154"}
"""Services know Lambert-93 by the code of its first realisation; the others differ by centimetres: nothing to a box."""

_MARGIN_M = 50.0  # around the communes: what stands on their limit is whole


def area_of_communes(codes: Iterable[str], reference: Reference, job: FetchJob) -> AreaOfInterest:
    """The box of communes in the horizontal system of ``reference``, with 50 metres around, from the cadastre.

    The outlines (Etalab) are kept in the folder of the job as ``….kept``: the next run needs no network.
    Raises ``ServiceError`` when they cannot be brought, ``CrsError`` when they lie outside the system.
    """
    base = ADDRESSES["cadastre_etalab"]
    wanted = [
        Wanted(
            name=f"cadastre-{code}-communes.json.gz.kept",
            url=f"{base}/latest/geojson/communes/{departement(code)}/{code}/cadastre-{code}-communes.json.gz",
            check=geojson_gz,
            is_kept=True,
        )
        for code in cadastral_codes(codes)
    ]
    try:
        bring_all(wanted, job)
    except ServiceError as error:
        raise type(error)(
            error.what,
            where=error.where,
            found=error.found,
            expected="the outlines of the communes, from which the area follows",
            remedy="state the area yourself, `area: {bbox: [west, south, east, north]}`, or run again later",
        ) from error
    places = [
        position
        for file in wanted
        for feature in json.loads(gzip.decompress((job.folder / file.name).read_bytes()))["features"]
        for position in _positions((feature.get("geometry") or {}).get("coordinates"))
    ]
    if not places:
        raise bad_answer("the communes have no outline", wanted[0].url, "features without geometry")
    moved = transformation("EPSG:4326", reference.flat()).apply(np.array(places, dtype=np.float64))
    west, south = np.floor(moved.min(axis=0) - _MARGIN_M)
    east, north = np.ceil(moved.max(axis=0) + _MARGIN_M)
    return AreaOfInterest(bbox=(float(west), float(south), float(east), float(north)))


def place_of(communes: tuple[str, ...], job: FetchJob) -> tuple[str, Bounds]:
    """Horizontal system and box to ask a service for: the twin's area, else that of the communes.

    Raises ``ConfigError`` when neither is known.
    """
    if job.reference is None:
        raise ConfigError("the reference of the twin is needed to ask for an area", where="download")
    crs = _ASKED_IN.get(job.reference.horizontal, job.reference.horizontal)
    if job.area is not None:
        return crs, job.area.bbox
    if not communes:
        raise ConfigError(
            "no place is stated",
            where="download",
            expected="`area` of the territory, or `communes` of the download",
            remedy="add `communes: ['25354']` to the `download` block",
        )
    return crs, area_of_communes(communes, job.reference, job).bbox


def _positions(coordinates: Any) -> list[list[float]]:
    """Positions of nested coordinates, longitude and latitude."""
    if not coordinates:
        return []
    if isinstance(coordinates[0], int | float):
        return [coordinates[:2]]
    return [position for part in coordinates for position in _positions(part)]
