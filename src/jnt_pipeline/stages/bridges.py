"""Bridges of the twin: decks that hang together across cells, with their elevations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.terrain_bands import DECK, DECK_PIXELS
from jnt_pipeline.stages.tiles import Cell
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.bridge_decks import COLUMNS, BridgeDeck, CellDecks, bridge_decks
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["LAYER", "plan_bridges"]

VERSION = 1
LAYER = "bridge_decks"


def plan_bridges(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    partition: tuple[Cell, ...],
    terrain: Mapping[str, Record],
) -> list[Planned]:
    """One unit for the twin, since a bridge may cross cells; none where no point is a return of a deck."""
    spanned = {cell.name: cell.grid for cell in partition if DECK in terrain[cell.name].outputs}
    if not spanned:
        return []
    # A cell may hold the space between returns that lie in the next one.
    spanned |= {cell.name: cell.grid for cell in partition if DECK_PIXELS in terrain[cell.name].outputs}
    records = {name: terrain[name] for name in spanned}
    unit = Unit(
        stage="bridges",
        name="bridges",
        version=VERSION,
        parameters={"resolution_m": config.terrain.resolution_m, "reference": str(config.reference)},
        inputs={
            **index.checksums(("point_clouds",)),
            **{
                f"{name}/{file}": record.outputs[file]
                for name, record in records.items()
                for file in (DECK, DECK_PIXELS)
                if file in record.outputs
            },
        },
    )
    work = BridgesWork(
        grids=spanned,
        folders={name: workspace.root / record.folder for name, record in records.items()},
        resolution_m=config.terrain.resolution_m,
        reference=config.reference,
        provenance=index.layers["point_clouds"].provenance,
    )
    return [Planned(unit=unit, work=work)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgesWork:
    """Decks of the whole twin; one cell is in memory at a time."""

    grids: Mapping[str, Grid]
    folders: Mapping[str, Path]
    """Where the terrain units of the cells with decks wrote."""
    resolution_m: float
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``bridge_decks``."""
        frame = _frame(bridge_decks(self._cells(), self.resolution_m), self.reference)
        counts = Counts(read=len(frame), kept=len(frame))
        layer = Layer(name=LAYER, frame=frame, reference=self.reference, provenance=self.provenance, counts=counts)
        write_layer(layer, folder)
        return {"n_bridge_decks": len(frame)}

    def _cells(self) -> Iterator[CellDecks]:
        for name, grid in sorted(self.grids.items()):
            folder = self.folders[name]
            elevation = _read(folder / DECK) if (folder / DECK).is_file() else np.full(grid.shape, np.nan, np.float32)
            yield CellDecks(grid=grid, pixels=_read(folder / DECK_PIXELS) == 1, elevation=elevation)


def _frame(decks: list[BridgeDeck], reference: Reference) -> gpd.GeoDataFrame:
    rows = [
        (deck.bridge_id, deck.median_m, deck.low_m, deck.high_m, deck.n_pixels, round(deck.geometry.area, 2))
        for deck in decks
    ]
    frame = gpd.GeoDataFrame(
        rows,
        columns=[column.name for column in COLUMNS],
        geometry=[deck.geometry for deck in decks],
        crs=reference.horizontal,
    )
    numbers = {column.name: "float64" for column in COLUMNS if column.kind == "number"}
    return frame.astype({"bridge_id": "str", **numbers, "n_pixels_with_returns": "int64"})


def _read(path: Path) -> np.ndarray[Any, Any]:
    with rasterio.open(path) as dataset:
        values: np.ndarray[Any, Any] = dataset.read(1)
    return values
