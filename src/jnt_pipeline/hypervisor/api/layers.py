"""What the twin holds, over HTTP: layers, rasters, their origin, and the files published from them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.hypervisor.api.answers import Twin, json_answer, knows
from jnt_pipeline.provenance import Operation, Provenance
from jnt_pipeline.territory.model import PublishedFile, Territory

__all__ = ["href_of", "router"]

router = APIRouter(tags=["layers"])


@router.get("/v1/layers", dependencies=[knows()])
def read_layers(request: Request, twin: Twin) -> Response:
    """Every layer and raster: count, records set aside by reason, reference, origin, files; then the publications."""
    territory = twin.territory
    return json_answer(
        request,
        {
            "territory": {
                "name": territory.name,
                "title": territory.title,
                **_reference(territory.reference),
                "declared_undulation": None
                if territory.undulation is None
                else territory.undulation.model_dump(mode="json"),
                "bbox": list(territory.bbox),
            },
            "layers": [
                {
                    "name": name,
                    "title": layer.title,
                    "count": layer.counts.kept,
                    "read": layer.counts.read,
                    "rejected": layer.counts.rejected,
                    **_reference(layer.reference),
                    "provenance": _provenance(layer.provenance),
                    "files": _files(territory, name),
                }
                for name, layer in sorted(territory.layers.items())
            ],
            "rasters": [
                {
                    "name": name,
                    "resolution_m": raster.resolution_m,
                    "tiles": len(raster.tiles),
                    **_reference(raster.reference),
                    "provenance": _provenance(raster.provenance),
                    "files": _files(territory, name),
                }
                for name, raster in sorted(territory.rasters.items())
            ],
            "publications": [
                {
                    "kind": kind,
                    "operations": _operations(publication.operations),
                    "files": [_file(kind, file) for file in publication.files],
                }
                for kind, publication in sorted(territory.publications.items())
            ],
        },
    )


def href_of(kind: str, path: str) -> str:
    """Path of a published file on this server."""
    return f"/publications/{quote(kind)}/{quote(path)}"


def _reference(reference: Reference | None) -> dict[str, str | None]:
    return {
        "horizontal_crs": None if reference is None else reference.horizontal,
        "vertical_crs": None if reference is None else reference.vertical,
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "producer": provenance.producer,
        "licence": provenance.licence,
        "attribution": provenance.full_attribution,
        "vintage": provenance.vintage,
        "accuracy_m": provenance.accuracy_m,  # of the coordinate operations, all together; null: not stated
        "operations": _operations(provenance.operations),
    }


def _operations(operations: tuple[Operation, ...]) -> list[dict[str, Any]]:
    return [operation.model_dump(mode="json") for operation in operations]


def _files(territory: Territory, layer: str) -> list[dict[str, Any]]:
    return [
        _file(kind, file)
        for kind, publication in sorted(territory.publications.items())
        for file in publication.files
        if file.layer == layer
    ]


def _file(kind: str, file: PublishedFile) -> dict[str, Any]:
    return {
        "href": href_of(kind, file.path),
        "title": file.title,
        "media_type": file.media_type,
        "role": file.role,
        "layer": file.layer or None,
        "crs": file.crs or None,  # null: the twin's own
    }
