"""Layers of the Géoplateforme by WFS: BD TOPO, Parcellaire Express, urban planning… (*flux WFS*).

IGN reserves the service for some 5,000 objects per extent: for a whole département, download the product instead.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from jnt_pipeline.errors import BadAnswerError
from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.communes import place_of
from jnt_pipeline.services.job import CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.wfs import WfsQuery, bring_features

__all__ = ["GeoplateformeWfsDownload", "file_name"]

_SORTED_BY = {"BDTOPO_V3": "cleabs", "CADASTRALPARCELS.PARCELLAIRE_EXPRESS": "gid"}
"""Attribute that orders the records of a product."""


_LAYER = re.compile(r"(?:[\w.-]+:)?[A-Za-z]\w*")


def file_name(layer: str) -> str:
    """Name of the file of a layer, as products name theirs.

    >>> file_name("BDTOPO_V3:batiment")
    'batiment.geojson'
    """
    return f"{layer.rpartition(':')[2].lower()}.geojson"


class GeoplateformeWfsDownload(CommunesDownload):
    """Layers of the Géoplateforme, one GeoJSON file each, in the twin's own system."""

    usual_address: ClassVar[str] = ADDRESSES["geoplateforme_wfs"]
    service: Literal["geoplateforme_wfs"] = Field(default="geoplateforme_wfs", description="Discriminator.")
    layers: tuple[str, ...] = Field(
        min_length=1, description="Names of the layers, with their prefix, e.g. BDTOPO_V3:batiment."
    )
    sort_by: str | None = Field(
        default=None,
        pattern=r"^\w*$",
        description="Attribute that orders the pages; null: the one known for the product; empty: none.",
    )

    @field_validator("layers")
    @classmethod
    def _one_file_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [file_name(layer) for layer in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"layers that would be the same file: {', '.join(twice)}; use a source for each")
        odd = [layer for layer in value if not _LAYER.fullmatch(layer)]
        if odd:
            raise ValueError(f"no name of a layer: {', '.join(odd)}")
        return value

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """One file per layer; a layer without a feature in the area is told as absent."""
        base = self.address()
        crs, box = place_of(self.communes, job)
        found: list[Fetched] = []
        for layer in self.layers:
            prefix = layer.rpartition(":")[0]
            sort_by = _SORTED_BY.get(prefix, "") if self.sort_by is None else self.sort_by
            query = WfsQuery(base_url=base, type_name=layer, crs=crs, box=box, sort_by=sort_by)
            row = bring_features(query, file_name(layer), job)
            found += [row] if row is not None else []
        if not found:
            raise BadAnswerError(
                "no layer has a feature in the area",
                where=base,
                found=f"0 features of {', '.join(self.layers)} in {box} ({crs})",
                remedy="check the area of the territory, and the reference that its numbers are in",
            )
        return "", found
