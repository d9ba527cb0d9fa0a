"""Layers of the Géoplateforme by WFS: BD TOPO, Parcellaire Express, urban planning… (*flux WFS*).

IGN reserves the service for some 5,000 objects per extent: for a whole département, download the product instead.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from jnt_pipeline.errors import BadAnswerError
from jnt_pipeline.services.addresses import ADDRESSES
from jnt_pipeline.services.communes import place_of
from jnt_pipeline.services.job import CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.wfs import WfsQuery, bring_features

__all__ = ["GeoplateformeWfsDownload"]

_SORTED_BY = {"BDTOPO_V3": "cleabs", "CADASTRALPARCELS.PARCELLAIRE_EXPRESS": "gid"}
"""Attribute that orders the records of a product."""


class GeoplateformeWfsDownload(CommunesDownload):
    """Layers of the Géoplateforme, one GeoJSON file each, in the twin's own system."""

    service: Literal["geoplateforme_wfs"] = Field(default="geoplateforme_wfs", description="Discriminator.")
    layers: tuple[str, ...] = Field(
        min_length=1, description="Names of the layers, with their prefix, e.g. BDTOPO_V3:batiment."
    )
    sort_by: str | None = Field(
        default=None,
        pattern=r"^\w*$",
        description="Attribute that orders the pages; null: the one known for the product; empty: none.",
    )

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """One file per layer; a layer without a feature in the area is told as absent."""
        base = self.address(ADDRESSES["geoplateforme_wfs"])
        crs, box = place_of(self.communes, job)
        found: list[Fetched] = []
        for layer in self.layers:
            prefix, _, local = layer.rpartition(":")
            sort_by = _SORTED_BY.get(prefix, "") if self.sort_by is None else self.sort_by
            query = WfsQuery(base_url=base, type_name=layer, crs=crs, box=box, sort_by=sort_by)
            row = bring_features(query, f"{local.lower()}.geojson", job)
            found += [row] if row is not None else []
        if not found:
            raise BadAnswerError(
                "no layer has a feature in the area",
                where=base,
                found=f"0 features of {', '.join(self.layers)} in {box} ({crs})",
                remedy="check the area of the territory, and the reference that its numbers are in",
            )
        return "", found
