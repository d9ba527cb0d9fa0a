"""The description of real communes with the national base layers filled in, as YAML to start from (``jnt init``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from jnt_pipeline.area import AreaOfInterest, Bounds
from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.crs.france.territories import TERRITORIES, FrenchTerritory, french_name
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.services.insee import checked_codes

__all__ = ["config_for", "territory_of_commune"]

_ISLANDS = {
    "97130": "Les Saintes", "97131": "Les Saintes",
    "97108": "Marie-Galante", "97112": "Marie-Galante", "97126": "Marie-Galante",
    "97110": "La Désirade",
    "97123": "Saint-Barthélemy", "97127": "Saint-Martin",  # before they left Guadeloupe
}  # fmt: skip
"""Communes of Guadeloupe whose heights are of another island (INSEE, code officiel géographique)."""

_TERRITORY = {
    "2A": "Corse", "2B": "Corse",
    "971": "Guadeloupe (Basse-Terre et Grande-Terre)", "972": "Martinique", "973": "Guyane", "974": "La Réunion",
    "975": "Saint-Pierre-et-Miquelon", "976": "Mayotte", "977": "Saint-Barthélemy", "978": "Saint-Martin",
}  # fmt: skip
"""Territory of a département; all others are of the mainland."""

_WITHOUT_LIDAR_HD = frozenset({"973", "975", "977", "978"})
"""LiDAR HD covers métropole and the overseas départements except Guyane."""

_BD_TOPO = ("batiment", "troncon_de_route", "troncon_hydrographique", "surface_hydrographique", "zone_de_vegetation")
_HEAD = """\
# A whole territory in one file. Run it with:  jnt run {file}
# The first run downloads what is not there yet; later runs ask for nothing that is here and intact.

# Short name (used in file names and identifiers) and the title that people read: make it yours.
name: {name}
title: {title}

# Where and from where heights are counted: {plane} ({horizontal}) with {heights} heights ({vertical}),
# the usual reference of this territory ({territory}). Everything is brought to it.
reference: {reference}
{area}
# The base layers (données socles). Paths are relative to this file; `download` fills the folder of a source.
# An address that has moved is stated as `base_url` in the `download` block; a renamed layer in `layers`.
sources:
"""
_AREA = """
# The part of the world that the twin covers: west, south, east, north, in metres.
area:
  bbox: [{bbox}]
"""
_NO_AREA = """
# The part of the world that the twin covers. Not stated: all that the communes below hold. To make it smaller:
# area:
#   bbox: [west, south, east, north]   # metres
"""
_TAIL = """
# What to publish.
publication:
  - kind: geoparquet
  - kind: cog
  - kind: cityjson
  - kind: 3dtiles
  - kind: stac
"""


def config_for(
    codes: Sequence[str],
    *,
    title: str = "",
    name: str = "",
    data: str = "data",
    area: Bounds | None = None,
    file: str = "territory.yaml",
) -> str:
    """YAML of a territory of whole communes, with comments, ready for ``jnt run``. Asks no network.

    Parameters
    ----------
    codes
        INSEE codes. All in one territory, since a twin has one reference.
    title, name
        Title for people and short name; made from the codes when empty.
    data
        Folder for the downloads, relative to the YAML file.
    area
        West, south, east, north in the legal projection; None: the communes.
    file
        Name of the YAML file, for its first line.

    Raises
    ------
    ConfigError
        A code is none, or the communes lie in territories with different references.
    """
    communes = checked_codes(codes)
    if not communes:
        raise ConfigError("no commune is stated", expected="INSEE codes, e.g. 25354", remedy="jnt init 25354")
    territory = _one_territory(communes)
    horizontal, vertical = _reference_of(territory)
    box = None if area is None else AreaOfInterest(bbox=area).bbox
    head = _HEAD.format(
        file=file,
        name=name or _short_name(communes),
        title=_quoted(title or ("Commune " if len(communes) == 1 else "Communes ") + ", ".join(communes)),
        plane=french_name(horizontal),
        horizontal=horizontal,
        heights=french_name(vertical),
        vertical=vertical,
        territory=territory.name,
        reference=f"{horizontal}+{vertical.removeprefix('EPSG:')}",
        area=_NO_AREA if box is None else _AREA.format(bbox=", ".join(f"{value:.1f}" for value in box)),
    )
    listed = "[" + ", ".join(f'"{code}"' for code in communes) + "]"
    return head + "".join(_sources(communes, listed, PurePosixPath(data))) + _TAIL


def territory_of_commune(code: str) -> FrenchTerritory:
    """The French territory, with heights of its own, of a commune whose code has been checked.

    >>> territory_of_commune("2B033").legal, territory_of_commune("97110").name
    (('EPSG:9794', 'EPSG:5721'), 'La Désirade')
    """
    name = _ISLANDS.get(code) or _TERRITORY.get(departement_of(code) or "", "France continentale")
    return next(territory for territory in TERRITORIES if territory.name == name)


def _reference_of(territory: FrenchTerritory) -> tuple[str, str]:
    """Horizontal and vertical system: the legal ones, but Lambert-93 by the code with which data is delivered."""
    horizontal, vertical = territory.legal
    return "EPSG:2154" if "EPSG:2154" in territory.horizontals else horizontal, vertical


def _one_territory(communes: Sequence[str]) -> FrenchTerritory:
    found = {territory_of_commune(code).name: territory_of_commune(code) for code in communes}
    if len({territory.legal for territory in found.values()}) > 1:
        places = [f"{code} ({territory_of_commune(code).name})" for code in communes]
        raise ConfigError(
            "the communes lie in territories with different references",
            where="communes",
            found=", ".join(places),
            expected="one horizontal and one vertical reference for the whole twin",
            remedy="make one twin per territory",
        )
    return next(iter(found.values()))


def _sources(communes: Sequence[str], listed: str, data: PurePosixPath) -> list[str]:
    lidar = _block(
        "Classified points in kilometre tiles (LiDAR HD). `parts: true` brings the points of the area alone.",
        kind="lidar", path=data / "lidar", producer="IGN", attribution="LiDAR HD © IGN",
        download={"service": "lidar_hd", "communes": listed, "parts": "false"},
    )  # fmt: skip
    if {departement_of(code) for code in communes} & _WITHOUT_LIDAR_HD:
        note = "  # LiDAR HD does not cover this territory. Terrain needs points or an elevation raster of your own.\n"
        lidar = note + "".join(f"  # {line[2:]}\n" for line in lidar.splitlines()[1:])
    return [
        _block(
            "Parcels, sections, footprints… (cadastre), as cadastre.data.gouv.fr delivers them.",
            kind="cadastre", path=data / "cadastre", producer="DGFiP / Etalab",
            attribution="Plan cadastral informatisé, DGFiP, Etalab",
            download={"service": "cadastre_etalab", "communes": listed, "vintage": "latest"},
        ),
        lidar,
        _block(
            "Buildings with their heights, roads, water, vegetation (BD TOPO), by the WFS of the Géoplateforme.",
            kind="bdtopo", path=data / "bdtopo", producer="IGN", attribution="BD TOPO © IGN",
            download={
                "service": "geoplateforme_wfs", "communes": listed,
                "layers": "".join(f'\n        - "BDTOPO_V3:{layer}"' for layer in _BD_TOPO),
            },
        ),
        _block(
            "Buildings with the national identifier (référentiel national des bâtiments). Confirm its licence.",
            kind="rnb", path=data / "rnb", producer="RNB (IGN, CSTB, DGALN, ADEME)",
            attribution="Référentiel national des bâtiments",
            download={"service": "rnb", "communes": listed},
        ),
        _block(
            "Addresses (base adresse nationale).",
            kind="addresses", path=data / "addresses", producer="BAN (communes, IGN, DINUM, ANCT)",
            attribution="Base adresse nationale",
            download={"service": "ban", "communes": listed, "vintage": "latest"},
        ),
        _block(
            "Hydrometric stations in and around the communes (Hub'Eau); their measures come live.",
            kind="sensors", path=data / "hubeau", producer="SCHAPI, through Hub'Eau",
            attribution="Hub'Eau, Vigicrues",
            download={"service": "hubeau", "communes": listed, "around_m": "2000"},
        ),
    ]  # fmt: skip


def _block(
    comment: str, *, kind: str, path: PurePosixPath, producer: str, attribution: str, download: dict[str, str]
) -> str:
    lines = [
        f"  # {comment}",
        f"  - kind: {kind}",
        f"    path: {_quoted(str(path))}",
        f"    producer: {_quoted(producer)}",
        '    licence: "Licence Ouverte 2.0"',
        f"    attribution: {_quoted(attribution)}",
        "    download:",
        *(f"      {field}: {value}".replace(": \n", ":\n") for field, value in download.items()),
    ]
    return "\n".join(lines) + "\n"


def _short_name(communes: Sequence[str]) -> str:
    codes = [code.lower() for code in communes]
    return f"commune-{codes[0]}" if len(codes) == 1 else f"communes-{codes[0]}-and-{len(codes) - 1}-more"


def _quoted(text: str) -> str:
    """A YAML string in double quotes, whatever stands in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
