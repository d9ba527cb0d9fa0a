"""The one table of addresses, layer names and published rates of the French services (*adresses, limites*).

All of it moves: a declaration may give another address (``base_url``) or layer, and an error says when one is gone.
Source: documentation and code of the services, November 2026; rates of the Géoplateforme are counted per IP and per
API. A server that states a lower rate in its answers is obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "ADDRESSES",
    "DEFAULT_RATE",
    "DOWNLOAD",
    "LAST_ARCHIVED_VINTAGE",
    "LIDAR_INDEX_LAYER",
    "PARTIAL_DOWNLOAD",
    "RATES",
]

ADDRESSES: Mapping[str, str] = MappingProxyType(
    {
        "cadastre_etalab": "https://cadastre.data.gouv.fr/data/etalab-cadastre",
        "cadastre_etalab_archive": "https://files.data.gouv.fr/cadastre/etalab-cadastre",
        "cadastre_edigeo": "https://cadastre.data.gouv.fr/data/dgfip-pci-vecteur",
        "geoplateforme_wfs": "https://data.geopf.fr/wfs/ows",
        "rnb": "https://rnb-api.beta.gouv.fr/api/alpha",
        "ban": "https://adresse.data.gouv.fr/data/ban/adresses",
        "hubeau": "https://hubeau.eaufrance.fr/api/v2/hydrometrie",
    }
)
"""Where each service is, without a slash at the end."""

LAST_ARCHIVED_VINTAGE = "2023-07-01"
"""Last vintage (*millésime*) of the Etalab cadastre that is kept at the archive address."""

LIDAR_INDEX_LAYER = "IGNF_LIDAR-HD_METADONNEE:metadata"
"""WFS layer with one record per LiDAR HD tile; its forerunners (``…:dalle``) answer 404 since October 2026."""

DOWNLOAD = "https://data.geopf.fr/telechargement/"
PARTIAL_DOWNLOAD = "https://data.geopf.fr/chunk/telechargement/"
"""Whole files of the Géoplateforme, and the service of the same files for requests of parts (Range)."""

RATES: Mapping[str, float] = MappingProxyType(
    {
        "data.geopf.fr/wfs": 30.0,
        "data.geopf.fr/wms-r": 40.0,
        "data.geopf.fr/wms-v": 50.0,
        "data.geopf.fr/telechargement": 10.0,
        "data.geopf.fr/chunk/telechargement": 200.0,
        "data.geopf.fr/altimetrie": 5.0,
        "data.geopf.fr/geocodage": 50.0,
        "hubeau.eaufrance.fr": 10.0,  # what the cl-hubeau library allows itself
        "cadastre.data.gouv.fr": 5.0,  # no published limit: ours
        "files.data.gouv.fr": 5.0,
        "adresse.data.gouv.fr": 5.0,
        "rnb-api.beta.gouv.fr": 5.0,
    }
)
"""Requests per second, by host and start of the path."""

DEFAULT_RATE = 5.0
"""Requests per second to a host that the table does not hold."""
