"""What the names of cadastral files say: place, layer and delivery; nothing is opened (*nomenclature*)."""

from __future__ import annotations

import re
from pathlib import Path

from jnt_pipeline.errors import SourceError
from jnt_pipeline.sources.delivered import parts_of, unit_names
from jnt_pipeline.sources.files import delivered_files, safe_name
from jnt_pipeline.sources.protocol import SourceUnit

__all__ = ["GEOJSON_SUFFIXES", "layer_of_name", "place_of_name", "units_of_folder"]

GEOJSON_SUFFIXES = (".json", ".geojson", ".json.gz", ".geojson.gz")
_SUFFIXES = (*GEOJSON_SUFFIXES, ".shp", "-shp.zip", ".shp.zip", ".parquet", ".gpkg")

_COUCHES = {
    "communes": "communes",
    "prefixes_sections": "former_communes",
    "sections": "sections",
    "feuilles": "sheets",
    "parcelles": "parcels",
    "batiments": "footprints",
    "lieux_dits": "localities",
    "subdivisions_fiscales": "tax_subdivisions",
}
_CLASSES = {
    "commune": "communes",
    "feuille": "sheets",
    "parcelle": "parcels",
    "batiment": "footprints",
    "localisant": "cadastral_points",
    "subdivision_fiscale": "tax_subdivisions",
    **_COUCHES,
}
_NOT_READ = frozenset({"arrondissement", "borne_limite_propriete", "borne_parcelle", "divcad", "troncon_de_route"})
_ETALAB = re.compile(
    rf"cadastre-(?P<place>\d{{5}}|2[ab]\d{{3}}|\d{{2,3}}|2[ab]|france)-(?P<couche>{'|'.join(_COUCHES)})"
    r"(?:\.(?:geo)?json(?:\.gz)?|[.-]shp\.zip|\.shp|\.parquet)",
    flags=re.IGNORECASE,
)
_DEPARTEMENT = re.compile(r"(?<![A-Z0-9])D(\d{3}|02[AB])(?![A-Z0-9])", flags=re.IGNORECASE)


def layer_of_name(path: Path) -> str | None:
    """The layer that the name of an Etalab file says, as it is downloaded; None for any other name."""
    match = _ETALAB.fullmatch(path.name)
    return _COUCHES[match["couche"].lower()] if match else None


def place_of_name(path: Path) -> str | None:
    """Commune or département of an Etalab file, by its name."""
    match = _ETALAB.fullmatch(path.name)
    return match["place"].upper() if match else None


def units_of_folder(folder: Path) -> tuple[SourceUnit, ...]:
    """One unit per commune or département: files of Etalab by their names, those of Parcellaire Express by folder.

    A GeoPackage is a unit of its own. Files with other names are not looked at, but those that belong to Parcellaire
    Express and are not read are named in the option ``not_read``. Raises ``SourceError`` when a layer comes twice.
    """
    places: dict[str, dict[str, Path]] = {}
    packages: list[Path] = []
    unread: dict[str, list[str]] = {}
    for path in delivered_files(folder, *_SUFFIXES):
        etalab = _ETALAB.fullmatch(path.name)
        stem = path.name.split(".")[0].lower().removesuffix("-shp")
        if path.suffix.lower() == ".gpkg":
            packages.append(path)
        elif etalab is not None:
            _add(places.setdefault(etalab["place"].upper(), {}), etalab["couche"].lower(), path, etalab["place"])
        elif path.name.lower().endswith(GEOJSON_SUFFIXES):
            continue
        elif stem in _CLASSES:
            place = _place_of_folder(path, folder)
            _add(places.setdefault(place, {}), stem, path, place)
        elif stem in _NOT_READ:
            unread.setdefault(_place_of_folder(path, folder), []).append(path.name)
    units = [_unit(place, files, unread.get(place, [])) for place, files in places.items()]
    names = unit_names(packages, folder)
    units += [SourceUnit(name=names[path], files=(path,)) for path in packages]
    return tuple(sorted(units, key=lambda unit: unit.name))


def _add(files: dict[str, Path], couche: str, path: Path, place: str) -> None:
    other = files.setdefault(couche, path)
    if other is not path:
        raise SourceError(
            f"two files hold the {couche} of {place}",
            where=path,
            found=f"also {other}",
            expected="one file per commune and layer",
            remedy="keep the newest edition and take the other out of the folder",
        )


def _unit(place: str, files: dict[str, Path], unread: list[str]) -> SourceUnit:
    every = tuple(part for couche in sorted(files) for part in parts_of(files[couche]))
    return SourceUnit(name=place, files=every, options={"not_read": sorted(unread)} if unread else {})


def _place_of_folder(path: Path, root: Path) -> str:
    """The département that the name of a folder tells (``PEPCI_1-1_SHP_LAMB93_D093``), else the folders' names."""
    inside = path.relative_to(root).parent.parts
    for part in (*reversed(inside), root.name):
        found = _DEPARTEMENT.findall(part.replace("_", " "))
        if found:
            return f"D{found[-1].upper()}"
    return safe_name("_".join(inside) or root.name)
