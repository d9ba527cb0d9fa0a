"""The horizontal and vertical reference of a LiDAR tile: what its records state, else what its product name says.

LAS 1.4 states a WKT where a bit of its header says so; earlier versions state GeoTIFF keys. LiDAR HD states only the
horizontal CRS, and its vertical datum is a word of the file name. Sources: ASPRS LAS 1.4 R15 §2.5 and §3;
OGC GeoTIFF 1.1 (19-008r4) annex B.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pyproj
from pyproj.exceptions import CRSError as PyprojError

from jnt_pipeline.crs.france.territories import ALL_SYSTEMS
from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import canonical, has_heights
from jnt_pipeline.errors import CrsError, MissingCrsError, MissingHeightReferenceError, MixedReferencesError
from jnt_pipeline.sources.ifc_crs_names import projected_of_word

__all__ = [
    "VERTICAL_OF_TOKEN",
    "StatedCrs",
    "named_code",
    "resolve_reference",
    "stated_crs",
    "stated_reference",
    "vertical_of_name",
]

_ALIASES = {"IGN78C": "NGF-IGN78", "GUYA77": "NGG 1977", "NGG77": "NGG 1977", "STPM50": "Danger 1950"}

VERTICAL_OF_TOKEN = {
    row.name.removeprefix("NGF-").upper(): code
    for code, row in ALL_SYSTEMS.items()
    if row.kind == "vertical" and " " not in row.name
} | {word: code for word, name in _ALIASES.items() for code, row in ALL_SYSTEMS.items() if row.name == name}
"""Word of an IGN product name to its vertical CRS: names of the IGNF register, as in the table of systems."""

_GT_MODEL_TYPE, _GEOGRAPHIC_TYPE, _PROJECTED_TYPE, _VERTICAL_TYPE = 1024, 2048, 3072, 4096
_FIRST_USER_DEFINED = 32767  # GeoTIFF: 32767 = user-defined; EPSG codes of CRS lie below it
_INLINE = 0  # TIFFTagLocation 0: the value stands in the key itself


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedCrs:
    """What the records of one LAS file say of its reference."""

    crs: pyproj.CRS | None
    """The stated CRS; None where nothing usable is stated."""
    vertical: str | None
    """Vertical CRS stated beside it by a GeoTIFF key."""
    origin: str
    """Which record says so, or why none does."""
    rivals: tuple[str, str] | None = None
    """The references of the WKT record and of the GeoTIFF keys, where they differ."""

    @property
    def parts(self) -> tuple[pyproj.CRS, ...]:
        """The horizontal CRS, then the vertical one where the CRS is compound."""
        if self.crs is None:
            return ()
        return tuple(self.crs.sub_crs_list) or (self.crs,)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each part, e.g. ``("metre", "US survey foot")``."""
        return tuple(part.axis_info[0].unit_name for part in self.parts if part.axis_info)


def stated_crs(header: Any) -> StatedCrs:
    """The CRS that a laspy header states.

    The WKT record wins where the header's WKT bit is set (LAS 1.4 §2.5, global encoding), the GeoTIFF keys elsewhere.
    An empty or unusable record is passed over, and ``origin`` says so.
    """
    records = [*header.vlrs, *(header.evlrs or ())]
    wkt, keys = _from_wkt(records), _from_keys(records)
    order = (wkt, keys) if header.global_encoding.wkt else (keys, wkt)
    usable = [stated for stated in order if stated.crs is not None]
    if usable:
        return replace(usable[0], rivals=_rivals(wkt, keys))
    return StatedCrs(crs=None, vertical=None, origin="; ".join(stated.origin for stated in order))


def _rivals(wkt: StatedCrs, keys: StatedCrs) -> tuple[str, str] | None:
    """The two references of one file, where both are sure and differ; a vertical that only one states is no rival."""
    if wkt.crs is None or keys.crs is None:
        return None
    try:
        one, other = (stated_reference(stated, "") for stated in (wkt, keys))
    except CrsError:
        return None  # a reference that cannot be identified contradicts nothing
    differ = one.horizontal != other.horizontal or (
        one.vertical is not None and other.vertical is not None and one.vertical != other.vertical
    )
    return (one.code, other.code) if differ else None


def vertical_of_name(file_name: str) -> str | None:
    """Vertical CRS that the words of an IGN product name state; None when none does, or when two contradict.

    >>> vertical_of_name("LHD_FXX_0292_6833_PTS_LAMB93_IGN69.copc.laz")
    'EPSG:5720'
    """
    words = re.split(r"[^A-Z0-9]+", file_name.upper())
    found = {VERTICAL_OF_TOKEN[word] for word in words if word in VERTICAL_OF_TOKEN}
    return found.pop() if len(found) == 1 else None


def named_code(file_name: str) -> str | None:
    """Projected CRS that a word of an IGN product name states; None when none does.

    >>> named_code("LHD_FXX_0292_6833_PTS_LAMB93_IGN69.copc.laz")
    'EPSG:2154'
    >>> named_code("LHD_REU_0340_7650_PTS_RGR92UTM40S_REUN89.laz")
    'EPSG:2975'
    """
    words = [word for word in re.split(r"[^A-Z0-9]+", file_name.upper()) if not word.isdigit()]
    found = {code for word in words if (code := projected_of_word(word)) is not None}
    return found.pop() if len(found) == 1 else None


def resolve_reference(
    stated: StatedCrs, file_name: str, *, crs: Reference | None = None, vertical: str | None = None
) -> tuple[Reference, tuple[str, ...]]:
    """Full reference of a tile, and the notes that its provenance must carry.

    Horizontal: ``crs`` (a declaration that overrides the file), else the file. Vertical: ``crs``, else the file,
    else the product name, else ``vertical`` (a declaration for files that say nothing).
    Raises ``MissingCrsError``, ``MissingHeightReferenceError``; ``MixedReferencesError`` when the two kinds of records
    state two references, ``CrsError`` when the file, its name and a declaration contradict each other.
    """
    if stated.rivals is not None and crs is None:
        raise MixedReferencesError(
            "the records of the file state two different references",
            where=file_name,
            found=f"{stated.rivals[0]} in the WKT record, {stated.rivals[1]} in the GeoTIFF keys",
            expected="one reference",
            remedy="ask the producer which is true, then declare it: crs: EPSG:<horizontal>+<vertical>",
        )
    own = stated_reference(stated, file_name, crs=crs)
    horizontal, in_file = own.horizontal, own.vertical
    notes = [] if crs is None else [f"reference {crs} declared by the user; the file states: {_words(stated)}"]
    in_name = vertical_of_name(file_name)
    if in_file is not None and in_name is not None and in_file != in_name and crs is None:
        raise CrsError(
            "the file and its product name state different vertical references",
            where=file_name,
            found=f"{in_file} in the CRS record, {in_name} in the name",
            expected="one vertical reference",
            remedy="ask the producer which is true, then declare it: crs: EPSG:<horizontal>+<vertical>",
        )
    if in_file is not None or has_heights(own):  # a 3D system states its heights without a vertical datum
        return own, tuple(notes)
    if in_name is not None:
        if vertical is not None and vertical != in_name:
            raise CrsError(
                "the declared vertical reference contradicts the product name",
                where=file_name,
                found=f"{vertical} declared, {in_name} in the name",
                expected="one vertical reference",
                remedy="drop `vertical`, or override everything with crs: EPSG:<horizontal>+<vertical>",
            )
        notes.append(f"vertical reference {in_name} taken from the product name")
        return Reference(horizontal=horizontal, vertical=in_name), tuple(notes)
    if vertical is not None:
        notes.append(f"vertical reference {vertical} declared by the user; the file states none")
        return Reference(horizontal=horizontal, vertical=vertical), tuple(notes)
    raise MissingHeightReferenceError(
        "heights without a vertical reference",
        where=file_name,
        found=f"horizontal {horizontal} only, and no known word such as IGN69 in the file name",
        expected="a compound CRS in the file, or a product name that states the vertical datum",
        remedy='declare it for this source, e.g. vertical: "EPSG:5720" (NGF-IGN69) if you know that it is true',
    )


def stated_reference(stated: StatedCrs, file_name: str, *, crs: Reference | None = None) -> Reference:
    """The declared ``crs``, else what the records state; ``vertical`` is None where neither says.

    Raises ``MissingCrsError``.
    """
    if crs is not None:
        return canonical(crs)  # a compound code such as EPSG:5698 is taken apart
    if stated.crs is None:
        raise MissingCrsError(
            "no usable coordinate reference system",
            where=file_name,
            found=stated.origin,
            expected="a WKT record or a GeoTIFF key with an EPSG code",
            remedy='declare it for this source, e.g. crs: "EPSG:2154+5720", if you know that it is true',
        )
    found = reference_of(stated.crs, where=file_name)
    return found if found.vertical is not None else found.model_copy(update={"vertical": stated.vertical})


def _words(stated: StatedCrs) -> str:
    return stated.origin if stated.crs is None else str(stated.crs.name)


def _from_wkt(records: list[Any]) -> StatedCrs:
    texts = [r.string.strip("\0 \n") for r in records if type(r).__name__ == "WktCoordinateSystemVlr"]
    # laspy keeps the WKT of an extended record as a plain VLR with its bytes
    texts += [
        bytes(r.record_data).decode("utf-8", "replace").strip("\0 \n")
        for r in records
        if type(r).__name__ == "VLR" and r.user_id == "LASF_Projection" and r.record_id == 2112
    ]
    if not texts:
        return StatedCrs(crs=None, vertical=None, origin="no WKT record")
    text = next(filter(None, texts), "")
    if not text:
        return StatedCrs(crs=None, vertical=None, origin="the WKT record is empty")
    try:
        return StatedCrs(crs=pyproj.CRS.from_wkt(text), vertical=None, origin="WKT record")
    except PyprojError:
        return StatedCrs(crs=None, vertical=None, origin=f"the WKT record cannot be understood: {text[:60]!r}")


def _from_keys(records: list[Any]) -> StatedCrs:
    directories = [r for r in records if type(r).__name__ == "GeoKeyDirectoryVlr"]
    if not directories:
        return StatedCrs(crs=None, vertical=None, origin="no GeoTIFF keys")
    keys = {key.id: key.value_offset for key in directories[0].geo_keys if key.tiff_tag_location == _INLINE}
    code = keys.get(_PROJECTED_TYPE) if keys.get(_GT_MODEL_TYPE, 1) != 2 else keys.get(_GEOGRAPHIC_TYPE)
    horizontal = _epsg(code)
    if horizontal is None:
        return StatedCrs(crs=None, vertical=None, origin=f"GeoTIFF keys without EPSG code (found {code})")
    vertical = _epsg(keys.get(_VERTICAL_TYPE))
    return StatedCrs(
        crs=horizontal,
        vertical=f"EPSG:{keys[_VERTICAL_TYPE]}" if vertical is not None and vertical.is_vertical else None,
        origin="GeoTIFF keys",
    )


def _epsg(code: int | None) -> pyproj.CRS | None:
    if code is None or not 0 < code < _FIRST_USER_DEFINED:
        return None
    try:
        return pyproj.CRS.from_epsg(code)
    except PyprojError:
        return None
