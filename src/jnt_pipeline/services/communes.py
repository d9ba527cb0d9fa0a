"""Communes by their INSEE code, as services file them, and the area that they cover (*emprise des communes*)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from jnt_pipeline.area import AreaOfInterest, Bounds
from jnt_pipeline.crs import Reference, transformation
from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.errors import ConfigError, ServiceError
from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.content import geojson_gz
from jnt_pipeline.services.job import INSEE, FetchJob
from jnt_pipeline.services.transfer import Wanted, bring_all

__all__ = ["area_of_communes", "cadastral_codes", "checked_codes", "departement", "place_of"]

_ARRONDISSEMENTS = {
    "75056": tuple(str(code) for code in range(75101, 75121)),  # Paris
    "69123": tuple(str(code) for code in range(69381, 69390)),  # Lyon
    "13055": tuple(str(code) for code in range(13201, 13217)),  # Marseille
}
_FORMER = {"97701": "97123", "97801": "97127"}  # Saint-Barthélemy and Saint-Martin are filed under Guadeloupe
_MARGIN_M = 50.0  # around the communes: what stands on their limit is whole


def checked_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """INSEE codes in upper case, each once, in their order. Raises ``ConfigError`` naming those that are none."""
    found = tuple(dict.fromkeys(str(code).strip().upper() for code in codes))
    wrong = [code for code in found if not re.fullmatch(INSEE, code) or departement_of(code) is None]
    if wrong:
        raise ConfigError(
            "no INSEE code of a commune" if len(wrong) == 1 else "no INSEE codes of communes",
            where="communes",
            found=", ".join(wrong),
            expected="five characters that begin with a département, as text: '25354', '2B033', '97411'",
            remedy="look the code up in the code officiel géographique (a postal code is another number)",
        )
    return found


def departement(code: str) -> str:
    """The département of an INSEE code that has been checked."""
    found = departement_of(code)
    assert found is not None
    return found


def cadastral_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes under which the cadastre and the addresses file communes.

    Paris, Lyon and Marseille by *arrondissement municipal*; Saint-Martin and Saint-Barthélemy under Guadeloupe.

    >>> cadastral_codes(["25354", "97801"]), len(cadastral_codes(["69123"]))
    (('25354', '97127'), 9)
    """
    spread = (_ARRONDISSEMENTS.get(code, (_FORMER.get(code, code),)) for code in checked_codes(codes))
    return tuple(dict.fromkeys(code for group in spread for code in group))


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
        for position in _positions(feature["geometry"]["coordinates"])
    ]
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
    if job.area is not None:
        return job.reference.horizontal, job.area.bbox
    if not communes:
        raise ConfigError(
            "no place is stated",
            where="download",
            expected="`area` of the territory, or `communes` of the download",
            remedy="add `communes: ['25354']` to the `download` block",
        )
    return job.reference.horizontal, area_of_communes(communes, job.reference, job).bbox


def _positions(coordinates: Any) -> list[list[float]]:
    """Positions of nested coordinates, longitude and latitude."""
    if coordinates and isinstance(coordinates[0], int | float):
        return [coordinates[:2]]
    return [position for part in coordinates for position in _positions(part)]
