"""3D Tiles 1.1: the buildings for the globe viewers of the web, in geocentric coordinates."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.transform import Transformation, transformation
from jnt_pipeline.publication.building_records import BUILDING_LAYERS, BuildingRecord, building_records
from jnt_pipeline.publication.gltf import glb
from jnt_pipeline.publication.origin import layer_origin, require_count, with_operations, write_json
from jnt_pipeline.publication.protocol import ExporterDeclaration, Publication, PublishedFile
from jnt_pipeline.publication.tile_content import mesh_of, properties_of, shells_of
from jnt_pipeline.publication.tile_frames import LocalFrame, bounding_box, frame_at
from jnt_pipeline.territory.model import Territory

__all__ = ["GEOCENTRIC", "Tiles3dExporter", "write_3dtiles"]

GEOCENTRIC = "EPSG:4978"

_COLOUR = (0.80, 0.74, 0.65)  # linear RGB of a pale limestone: neither a state nor a severity
_ERROR_OF_SIDE = 0.125
# Geometric error of a node without content, as a share of its side. At the usual 16 px and a field of view of
# 60 degrees on 1080 lines, cells of 250 m are asked for from 3.6 km.


class Tiles3dExporter(ExporterDeclaration):
    """The buildings as a 3D Tiles 1.1 tileset: glTF with ids and attributes that can be picked."""

    kind: Literal["3dtiles"] = Field(default="3dtiles", description="Name of the exporter.")
    cell_m: float = Field(default=250.0, ge=50, le=2000, description="Side of the square that is one tile, metres.")

    @property
    def version(self) -> int:
        """Version of the output."""
        return 3

    @property
    def describes_publications(self) -> bool:
        """It reads the twin alone."""
        return False

    def reads(self, layer_names: tuple[str, ...], raster_names: tuple[str, ...]) -> tuple[str, ...]:
        """The buildings and their roofs."""
        return tuple(name for name in layer_names if name in BUILDING_LAYERS)

    def transformations(
        self, reference: Reference, undulation: DeclaredUndulation | None
    ) -> tuple[Transformation, ...]:
        """To geocentric coordinates, heights above the ellipsoid included."""
        return (transformation(reference, GEOCENTRIC, undulation=undulation),)

    def write(self, territory: Territory, folder: Path) -> Publication:
        """Write ``tileset.json`` and ``tiles/*.glb``; see ``write_3dtiles``."""
        return write_3dtiles(territory, folder, cell_m=self.cell_m)


_Node = tuple[dict[str, Any], NDArray[np.float64]]
# A tile of tileset.json, and the corners of the boxes below it, geocentric, shape (n, 3).


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    cell: tuple[int, int]
    uri: str
    frame: LocalFrame
    box: list[float]
    corners: NDArray[np.float64]
    """Shape (8, 3): corners of the box, geocentric."""

    def node(self, root: LocalFrame) -> _Node:
        tile = {
            "boundingVolume": {"box": self.box},
            "geometricError": 0.0,
            "transform": self.frame.matrix(root),
            "content": {"uri": self.uri},
        }
        return tile, self.corners


def write_3dtiles(territory: Territory, folder: Path, *, cell_m: float = 250.0) -> Publication:
    """Write the buildings as 3D Tiles 1.1: one glTF per square of ``cell_m``, under a tree of empty nodes.

    Vertices go from the twin's reference to EPSG:4978, heights above the ellipsoid included, and are kept as east,
    north, up of their tile in float32 (below 0.1 mm of rounding). A building without solid lies as a flat footprint on
    its ground, with its ``reason``; one that has neither solid nor ground elevation cannot be placed in space and
    is left out. The root's frame stands at the centre of the territory, at elevation 0.

    Raises ``CrsError`` where heights cannot be transformed truthfully, ``ExportError`` otherwise.
    Source: OGC 22-025r4 (3D Tiles 1.1).
    """
    (to_geocentric,) = Tiles3dExporter().transformations(territory.reference, territory.undulation)
    west, south, east, north = territory.bbox
    root = frame_at(((west + east) / 2, (south + north) / 2, 0.0), to_geocentric)
    n_buildings = n_unplaced = 0
    leaves: list[_Leaf] = []
    for cell, group in itertools.groupby(building_records(territory, cell_m=cell_m), key=lambda record: record.cell):
        records = list(group)
        n_buildings += len(records)
        placed = [record for record in records if cell is not None and shells_of(record)]
        n_unplaced += len(records) - len(placed)
        if cell is not None and placed:
            leaves.append(_write_tile(territory, folder, cell, cell_m, placed, to_geocentric))
    require_count(territory.layer("buildings"), "records", n_buildings)
    extras = _asset_extras(territory, to_geocentric)
    tree = _tree(leaves, cell_m, root) if leaves else _empty_root(territory, root, to_geocentric)
    write_json(
        folder / "tileset.json",
        {
            "asset": {"version": "1.1", "extras": extras},
            "geometricError": 2 * float(tree["geometricError"]),
            "root": tree,
        },
    )
    files = [
        PublishedFile(
            path="tileset.json",
            media_type="application/json",
            title="Buildings (3D Tiles 1.1)",
            layer="buildings",
            crs=GEOCENTRIC,
        ),
        *(
            PublishedFile(
                path=leaf.uri,
                media_type="model/gltf-binary",
                title=f"Buildings of {leaf.uri}",
                layer="buildings",
                crs=GEOCENTRIC,
            )
            for leaf in leaves
        ),
    ]
    return Publication(
        files=tuple(files),
        records_in={"buildings": n_buildings},
        records_out={"buildings": n_buildings - n_unplaced},
        left_out={"buildings: no elevation": n_unplaced} if n_unplaced else {},
        operations=(to_geocentric.operation,),
    )


def _asset_extras(territory: Territory, to_geocentric: Transformation) -> dict[str, Any]:
    """Where the coordinates come from and how well they are known."""
    return {
        **layer_origin(territory, territory.layer("buildings"), to_geocentric.operation),
        "tileset_crs": GEOCENTRIC,
        "operation": to_geocentric.operation.model_dump(mode="json"),  # the last of the chain: twin to geocentric
    }


def _write_tile(
    territory: Territory,
    folder: Path,
    cell: tuple[int, int],
    cell_m: float,
    records: list[BuildingRecord],
    to_geocentric: Transformation,
) -> _Leaf:
    origin = with_operations(territory.layer("buildings").provenance, to_geocentric.operation)
    shells = [shells_of(record) for record in records]
    vertices = np.concatenate([solid.vertices for solids in shells for solid in solids])
    low, high = np.floor(vertices.min(axis=0)), vertices.max(axis=0)
    middle = np.floor((low + high) / 2)
    frame = frame_at((float(middle[0]), float(middle[1]), float(low[2])), to_geocentric)
    local = frame.local(to_geocentric.apply(vertices))
    uri = f"tiles/{math.floor(cell[0] * cell_m)}_{math.floor(cell[1] * cell_m)}.glb"
    content = glb(
        mesh_of(shells, local),
        properties_of(records),
        class_name="building",
        colour=_COLOUR,
        copyright_text=origin.full_attribution,
        extras={
            "horizontal_crs": territory.reference.horizontal,
            "vertical_crs": territory.reference.vertical,
            "tileset_crs": GEOCENTRIC,
            "accuracy_m": origin.accuracy_m,
        },
    )
    (folder / "tiles").mkdir(exist_ok=True)
    (folder / uri).write_bytes(content)
    box = bounding_box(local)
    centre, half = np.array(box[:3]), np.array([box[3], box[7], box[11]])
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    corners = (centre + signs * half) @ frame.axes + frame.origin
    return _Leaf(cell=cell, uri=uri, frame=frame, box=box, corners=corners)


def _tree(leaves: list[_Leaf], cell_m: float, root: LocalFrame) -> dict[str, Any]:
    """A quadtree over the cells: nodes without content whose error halves from level to level, leaves of error 0."""
    # Counted from the corner of the tileset, so that neighbours meet after few levels wherever they lie.
    first_column, first_row = (min(leaf.cell[axis] for leaf in leaves) for axis in (0, 1))
    level = {(leaf.cell[0] - first_column, leaf.cell[1] - first_row): leaf.node(root) for leaf in leaves}
    side = cell_m
    while len(level) > 1 or side == cell_m:
        side *= 2
        parents: defaultdict[tuple[int, int], list[_Node]] = defaultdict(list)
        for (column, row), tile in sorted(level.items()):
            parents[column // 2, row // 2].append(tile)
        level = {cell: _parent(children, side, root) for cell, children in parents.items()}
    [(node, _)] = list(level.values())
    return {**node, "transform": root.matrix(), "refine": "ADD"}


def _parent(children: list[_Node], side: float, root: LocalFrame) -> _Node:
    corners = np.concatenate([points for _, points in children])
    node = {
        "boundingVolume": {"box": bounding_box(root.local(corners))},
        "geometricError": side * _ERROR_OF_SIDE,
        "children": [child for child, _ in children],
    }
    return node, corners


def _empty_root(territory: Territory, root: LocalFrame, to_geocentric: Transformation) -> dict[str, Any]:
    west, south, east, north = territory.bbox
    corners = np.array([(x, y, 0.0) for x in (west, east) for y in (south, north)])
    return {
        "boundingVolume": {"box": bounding_box(root.local(to_geocentric.apply(corners)))},
        "geometricError": 0.0,
        "refine": "ADD",
        "transform": root.matrix(),
    }
