"""Writes the registers of the village as their producers deliver them: BD TOPO in shapefiles, RNB and BAN in CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point, Polygon

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.bourg_layout import BRIDGE_U, BROOK_V, COLUMNS, ROWS, STREETS
from jnt_pipeline.samples.bourg_registers import Address, Registered, Registers
from jnt_pipeline.samples.bourg_town import Village

__all__ = [
    "ADDRESSES_FILE",
    "RNB_FILE",
    "TOPO_CLASSES",
    "write_addresses",
    "write_rnb",
    "write_shapefile",
    "write_topo",
]

TOPO_CLASSES = ("BATIMENT", "TRONCON_DE_ROUTE", "TRONCON_HYDROGRAPHIQUE")
RNB_FILE, ADDRESSES_FILE = "RNB_71.csv", "adresses-71.csv"
NO_ELEVATION = -1000.0
"""What IGN writes where it knows no height."""
POSTCODE = "71998"
_WINDOWS_1252 = 0x57  # language driver that the table declares; it holds UTF-8, as many deliveries do
_DATED = "2025-10-01"

_BAN = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;code_insee_ancienne_commune;"
    "nom_ancienne_commune;x;y;lon;lat;type_position;alias;nom_ld;libelle_acheminement;nom_afnor;source_position;"
    "source_nom_voie;certification_commune;cad_parcelles"
)


def write_shapefile(
    path: Path, columns: Mapping[str, Sequence[Any]], shapes: Sequence[Any], crs: str, *, is_mislabelled: bool = False
) -> None:
    """Write a shapefile, the same bytes on any day; ``is_mislabelled``: it holds UTF-8 and declares Windows-1252."""
    import geopandas as gpd
    import pyogrio

    path.parent.mkdir(parents=True, exist_ok=True)
    frame = gpd.GeoDataFrame(dict(columns), geometry=list(shapes), crs=crs)
    pyogrio.write_dataframe(
        frame, path, driver="ESRI Shapefile", encoding="UTF-8", layer_options={"DBF_DATE_LAST_UPDATE": _DATED}
    )
    if is_mislabelled:
        path.with_suffix(".cpg").unlink()
        table = bytearray(path.with_suffix(".dbf").read_bytes())
        table[29] = _WINDOWS_1252
        path.with_suffix(".dbf").write_bytes(table)


def write_topo(village: Village, registers: Registers, folder: Path) -> None:
    """Write the three classes of BD TOPO in Lambert-93, with its short names, false encoding and z of -1000."""
    every = registers.topo
    # One in seven was drawn from the cadastre alone: no heights.
    flat = [int(one.id[-3:]) % 7 == 3 for one in every]
    columns: dict[str, Sequence[Any]] = {
        "ID": [one.id for one in every],
        "NATURE": [_nature(one, village) for one in every],
        "USAGE1": ["Annexe" if one.is_light else "Indifférencié" for one in every],
        "USAGE2": [None] * len(every),
        "LEGER": ["Oui" if one.is_light else "Non" for one in every],
        "ETAT": ["En service"] * len(every),
        "DATE_CREAT": ["2012-03-14"] * len(every),
        "DATE_MAJ": ["2025-06-11"] * len(every),
        "HAUTEUR": [None if no else round(one.eave_m - one.ground_m, 1) for one, no in zip(every, flat, strict=True)],
        "Z_MIN_SOL": [one.ground_m for one in every],
        "Z_MIN_TOIT": [NO_ELEVATION if no else one.eave_m for one, no in zip(every, flat, strict=True)],
        "Z_MAX_TOIT": [NO_ELEVATION if no else one.ridge_m for one, no in zip(every, flat, strict=True)],
        "ORIGIN_BAT": ["Cadastre" if no else "Imagerie aérienne" for no in flat],
        "ID_RNB": ["/".join(one.said) or None for one in every],
    }
    heights = [NO_ELEVATION if no else one.eave_m for one, no in zip(every, flat, strict=True)]
    outlines = [shapely.force_3d(one.outline, z) for one, z in zip(every, heights, strict=True)]
    write_shapefile(folder / "BATIMENT.shp", columns, outlines, "EPSG:2154", is_mislabelled=True)
    _write_lines(village, folder)


def _nature(one: Registered, village: Village) -> str:
    return "Eglise" if set(one.parts) & set(village.church) else "Indifférenciée"


def _write_lines(village: Village, folder: Path) -> None:
    """The streets and the brook, on their axes."""
    to_world = village.town.layout.frame.to_world
    west, east = COLUMNS[0][0], COLUMNS[-1][1]
    axes = {
        name: [(west, (ROWS[row + 1][1] + ROWS[row + 2][0]) / 2), (east, (ROWS[row + 1][1] + ROWS[row + 2][0]) / 2)]
        for row, name in STREETS.items()
    }
    axes["Ruelle du Moulin"] = [(BRIDGE_U, BROOK_V - 20.0), (BRIDGE_U, ROWS[-1][1])]
    lines = [shapely.force_3d(shapely.LineString(to_world(np.array(axis))), NO_ELEVATION) for axis in axes.values()]
    n = len(lines)
    roads: dict[str, Sequence[Any]] = {
        "ID": [f"TRONROUT{71_500_001 + k:016d}" for k in range(n)],
        "NATURE": ["Route à 1 chaussée"] * (n - 1) + ["Chemin"],
        "NOM_COLL_G": list(axes),
        "ETAT": ["En service"] * n,
        "DATE_MAJ": ["2025-06-11"] * n,
    }
    write_shapefile(folder / "TRONCON_DE_ROUTE.shp", roads, lines, "EPSG:2154", is_mislabelled=True)
    brook = shapely.LineString(to_world(np.array([(-210.0, BROOK_V), (210.0, BROOK_V)])))
    waters: dict[str, Sequence[Any]] = {
        "ID": [f"TRON_EAU{71_600_001:016d}"],
        "NATURE": ["Écoulement naturel"],
        "NOM_C_EAU": ["Ruisseau du Moulin"],
        "ETAT": ["En service"],
        "DATE_MAJ": ["2025-06-11"],
    }
    line = shapely.force_3d(brook, NO_ELEVATION)
    write_shapefile(folder / "TRONCON_HYDROGRAPHIQUE.shp", waters, [line], "EPSG:2154", is_mislabelled=True)


def write_rnb(registers: Registers, path: Path) -> None:
    """Write the bulk file of the RNB: EWKT in longitude and latitude, lists in JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ["rnb_id;point;shape;status;ext_ids;addresses;plots;validated_by"]
    for one in sorted(registers.rnb, key=lambda one: one.id):
        status = "demolished" if one.is_gone else "constructed"
        ext_ids = [{"id": said, "source": "bdtopo"} for said in one.said]
        addresses = [{"cle_interop_ban": key, "street_rep": ""} for key in one.addresses]
        plots = [{"id": parcel, "bdg_cover_ratio": 1.0} for parcel in one.parcels]
        shape = "" if one.is_point else _ewkt(one.outline)
        told = ";".join(_quoted(json.dumps(value)) for value in (ext_ids, addresses, plots))
        rows.append(f"{one.id};{_ewkt(one.outline.representative_point())};{shape};{status};{told};[]")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _ewkt(shape: Point | Polygon) -> str:
    """Longitude and latitude with 7 decimals."""
    lonlat, _ = transform(shapely.get_coordinates(shape), "EPSG:2154", "EPSG:4326")
    places = [f"{round(float(x), 7)} {round(float(y), 7)}" for x, y in lonlat]
    kind = f"POINT({places[0]})" if isinstance(shape, Point) else f"POLYGON(({','.join(places)}))"
    return f'"SRID=4326;{kind}"'


def write_addresses(village: Village, addresses: Sequence[Address], path: Path) -> None:
    """Write the addresses in the 23 columns of the BAN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    site = village.town.site
    lonlat, _ = transform(np.array([(one.x, one.y) for one in addresses]), "EPSG:2154", "EPSG:4326")
    rows = [_BAN]
    for one, (lon, lat) in zip(addresses, lonlat, strict=True):
        rows.append(
            f"{one.id};;{one.number};{one.suffix};{one.street};{POSTCODE};{site.insee};{site.place};;;{one.x};{one.y};"
            f"{lon:.6f};{lat:.6f};{one.position};;;{site.commune.replace('-', ' ')};{one.street.upper()};"
            "commune;commune;1;"
            f"{'|'.join(one.parcels)}"
        )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
