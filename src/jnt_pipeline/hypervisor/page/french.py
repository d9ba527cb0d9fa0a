"""The words and numbers of the page, in French."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from jnt_pipeline.crs.france.territories import french_name
from jnt_pipeline.provenance import Provenance

__all__ = [
    "ALERT_WORDS",
    "CHANGE_WORDS",
    "EVENT_WORDS",
    "SEVERITY_WORDS",
    "accuracy_text",
    "bytes_text",
    "crs_name",
    "format_name",
    "instant_text",
    "n_of",
    "number_text",
    "property_name",
    "publication_name",
    "unit_text",
]

_THIN = "\u202f"  # narrow no-break space: thousands, and before units
_MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")

_PUBLICATIONS = {
    "3dtiles": "Bâtiments en 3D (3D Tiles)",
    "cityjson": "Maquette urbaine (CityJSON)",
    "cog": "Rasters de relief (GeoTIFF optimisé, COG)",
    "geoparquet": "Couches (GeoParquet)",
    "stac": "Catalogue (STAC)",
}

_FORMATS = {
    "application/city+json": "CityJSON",
    "application/geo+json": "GeoJSON",
    "application/json": "JSON",
    "application/vnd.apache.parquet": "Parquet",
    "application/vnd.pmtiles": "PMTiles",
    "image/png": "PNG",
    "image/tiff": "GeoTIFF",
    "model/gltf-binary": "glTF binaire",
    "text/csv": "CSV",
    "text/html": "HTML",
}

_PROPERTIES = {
    "air_pressure": "Pression atmosphérique",
    "air_temperature": "Température de l’air",
    "discharge": "Débit",
    "energy": "Énergie consommée",
    "humidity": "Humidité",
    "no2": "Dioxyde d’azote (NO₂)",
    "noise_level": "Niveau sonore",
    "o3": "Ozone (O₃)",
    "pm10": "Particules PM10",
    "pm2_5": "Particules PM2,5",
    "pm25": "Particules PM2,5",
    "rainfall": "Pluie",
    "ravine_level": "Hauteur d’eau de la ravine",
    "sound_level": "Niveau sonore",
    "temperature": "Température",
    "water_flow": "Débit",
    "water_level": "Hauteur d’eau",
    "wave_height": "Hauteur de la houle",
    "wind_speed": "Vitesse du vent",
}

_UNITS = {"Cel": "°C", "ug/m3": "µg/m³", "m3/s": "m³/s", "dB[SPL]": "dB", "dB(A)": "dB(A)", "%": "%"}

SEVERITY_WORDS = {"info": "Information", "warning": "Vigilance", "alarm": "Alarme"}

CHANGE_WORDS = {
    "created": "création",
    "merged": "réunion",
    "modified": "modification",
    "removed": "suppression",
    "renamed": "nouvel identifiant",
    "reshaped": "remembrement",
    "shifted": "décalage de la feuille",
    "split": "division",
}

ALERT_WORDS = {"raised": "Alerte levée", "cleared": "Fin d’alerte"}

EVENT_WORDS = {
    "fr.jnt.alert.raised.v1": "Début d’alerte",
    "fr.jnt.alert.cleared.v1": "Fin d’alerte",
    "fr.jnt.layer.changed.v1": "Couche mise à jour",
    "fr.jnt.observation.corrected.v1": "Mesure corrigée",
}


def number_text(value: float, decimals: int | None = None) -> str:
    """A number as French readers write it; ``decimals`` None: up to three, and more where it is below one.

    >>> number_text(12345.5).replace("\u202f", " "), number_text(0.00012345), number_text(-2.0)
    ('12 345,5', '0,0001234', '−2')
    """
    value += 0.0  # minus zero is zero
    if decimals is None:
        smaller = 0 if value == 0 else max(0, -math.floor(math.log10(abs(value))))
        text = f"{value:,.{min(3 + smaller, 12)}f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:,.{decimals}f}"
    return text.replace(",", _THIN).replace(".", ",").replace("-", "−")


def n_of(n: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun; plural from two on, as in French.

    >>> n_of(1, "capteur"), n_of(0, "capteur"), n_of(2, "capteur")
    ('1 capteur', '0 capteur', '2 capteurs')
    """
    return f"{number_text(n, 0)} {singular if n < 2 else plural or singular + 's'}"


def instant_text(instant: datetime) -> str:
    """Day and time, said to be UTC.

    >>> instant_text(datetime(2026, 11, 24, 9, 5, tzinfo=UTC))
    '24 nov. 2026, 09:05 UTC'
    """
    utc = instant.astimezone(UTC)
    day = "1er" if utc.day == 1 else str(utc.day)
    return f"{day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"


def bytes_text(n_bytes: int) -> str:
    """A size in octets, decimal multiples.

    >>> bytes_text(999), bytes_text(2_345_000)
    ('999 o', '2,3 Mo')
    """
    for factor, name in ((1e9, "Go"), (1e6, "Mo"), (1e3, "ko")):
        if n_bytes >= factor:
            return f"{number_text(n_bytes / factor, 1 if n_bytes < 100 * factor else 0)} {name}"
    return f"{n_bytes} o"


def publication_name(kind: str) -> str:
    """French name of a kind of publication; the kind where none is known."""
    return _PUBLICATIONS.get(kind, kind)


def format_name(media_type: str) -> str:
    """Short name of a format; the media type where none is known."""
    essence = media_type.partition(";")[0].strip()
    return _FORMATS.get(essence, essence)


def property_name(observed_property: str) -> str:
    """French name of a quantity; its own name where none is known."""
    return _PROPERTIES.get(observed_property, observed_property)


def unit_text(unit: str) -> str:
    """A UCUM unit as people write it; the unit itself where it is already so."""
    return _UNITS.get(unit, unit)


def crs_name(code: str | None) -> str:
    """Name and code of a CRS; a dash where there is none.

    >>> crs_name("EPSG:5720"), crs_name("EPSG:2154"), crs_name("EPSG:32199")
    ('NGF-IGN69 (EPSG:5720)', 'Lambert-93 (RGF93 v1, EPSG:2154)', 'EPSG:32199')
    """
    if code is None:
        return "—"
    name = french_name(code)
    if name == code:
        return code
    return f"{name[:-1]}, {code})" if name.endswith(")") else f"{name} ({code})"


def accuracy_text(provenance: Provenance) -> str:
    """How well a layer's coordinates are known after their transformations; empty where no operation is on record."""
    if not provenance.operations:
        return ""
    if all(operation.source == operation.target for operation in provenance.operations):
        return "coordonnées telles que fournies"
    accuracy_m = provenance.accuracy_m
    if accuracy_m is None:
        return "précision de la transformation non indiquée"
    return f"transformation à {number_text(accuracy_m)}{_THIN}m près"
