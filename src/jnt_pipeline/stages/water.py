"""Water of the twin: bodies with their levels, settled over all cells, and the terrain of the cells they reach into."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.parquet import read_layer_parquet
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.kilometres import meet, widened
from jnt_pipeline.stages.rasters import write_codes, write_raster
from jnt_pipeline.stages.terrain_bands import WATER
from jnt_pipeline.stages.tiles import Cell
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain_flat import TerrainRasters, flattened
from jnt_pipeline.territory.terrain_parameters import TerrainParameters
from jnt_pipeline.territory.terrain_water import (
    BANK_M,
    COLUMNS,
    CellWater,
    Outline,
    WaterBody,
    WaterLevel,
    water_bodies,
)
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["LAYER", "plan_flat_terrain", "plan_water"]

VERSION = 1
LAYER = "water_bodies"

_REGISTERS = ("topo_plan_d_eau", "topo_surface_hydrographique")
_RUNNING = ("ecoulement", "canal", "conduit", "delta", "estuaire")
_NO_WATER = ("glacier",)
# Natures of surface_hydrographique in BD TOPO 3, as they begin without accents; all others lie still.


def plan_water(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    partition: tuple[Cell, ...],
    terrain: Mapping[str, Record],
) -> list[Planned]:
    """One unit for the twin, since a body may cross cells; none where no point is a return of water."""
    wet = {cell.name: cell.grid for cell in partition if WATER in terrain[cell.name].outputs}
    if not (wet and config.terrain.is_water_flat):
        return []
    layers = tuple(name for name in _REGISTERS if name in index.layers)
    records = {name: terrain[name] for name in wet}
    unit = Unit(
        stage="water",
        name="water",
        version=VERSION,
        parameters={"terrain": config.terrain.of_water(), "reference": str(config.reference)},
        inputs={
            **index.checksums((*layers, "point_clouds")),
            **{
                f"{name}/{file}": record.outputs[file]
                for name, record in records.items()
                for file in (WATER, "dtm_origin.tif")
            },
        },
    )
    provenance = reduce(or_, (index.layers[name].provenance for name in (*layers, "point_clouds")))
    work = WaterWork(
        registers={name: tuple(workspace.root / part for part in index.layers[name].parts) for name in layers},
        grids=wet,
        folders={name: workspace.root / record.folder for name, record in records.items()},
        parameters=config.terrain,
        reference=config.reference,
        provenance=provenance,
    )
    return [Planned(unit=unit, work=work)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterWork:
    """Bodies of the whole twin; one cell is in memory at a time."""

    registers: Mapping[str, tuple[Path, ...]]
    grids: Mapping[str, Grid]
    folders: Mapping[str, Path]
    """Where the terrain units of the cells with water wrote."""
    parameters: TerrainParameters
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``water_bodies``; the facts count how many are flat, and the reasons of the others."""
        outlines = [outline for name, parts in self.registers.items() for outline in _outlines(name, parts)]
        bodies = water_bodies(self._cells(), outlines, self.parameters)
        frame = _frame(bodies, self.reference)
        counts = Counts(read=len(frame), kept=len(frame))
        layer = Layer(name=LAYER, frame=frame, reference=self.reference, provenance=self.provenance, counts=counts)
        write_layer(layer, folder)
        reasons = frame["reason"].value_counts()
        return {
            "n_water_bodies": len(frame),
            "n_flat": int(frame["is_flat"].sum()),
            "left_as_measured": {reason: int(reasons[reason]) for reason in sorted(reasons.index) if reason},
        }

    def _cells(self) -> Iterator[CellWater]:
        for name in sorted(self.grids):
            yield CellWater(
                grid=self.grids[name],
                origin=_read(self.folders[name] / "dtm_origin.tif"),
                returns=_read(self.folders[name] / WATER),
            )


def plan_flat_terrain(
    config: TwinConfig,
    workspace: Workspace,
    partition: tuple[Cell, ...],
    terrain: Mapping[str, Record],
    water: Mapping[str, Record],
) -> list[Planned]:
    """One unit by cell that a body with a level reaches into: its terrain with the water flat."""
    planned = []
    for record in water.values():
        bodies = _bodies(read_layer_parquet(workspace.root / record.path(f"{LAYER}.parquet")))
        for cell in partition:
            around = widened(cell.grid.bounds, BANK_M)
            near = [body for body in bodies if meet(body.outline.geometry.bounds, around)]
            if all(body.level.reason for body in near):
                continue
            made = terrain[cell.name]
            unit = Unit(
                stage="flat_terrain",
                name=cell.name,
                version=VERSION,
                parameters={"terrain": config.terrain.of_water(), "reference": str(config.reference)},
                inputs={
                    "bodies": _digest(near),
                    **{file: made.outputs[file] for file in sorted(made.outputs) if file in _REWRITTEN},
                },
            )
            work = FlatTerrainWork(
                grid=cell.grid,
                folder=workspace.root / made.folder,
                bodies=tuple(near),
                parameters=config.terrain,
                reference=config.reference,
            )
            planned.append(Planned(unit=unit, work=work))
    return planned


_REWRITTEN = ("dtm.tif", "dsm.tif", "dhm.tif", "dtm_confidence.tif", "dtm_origin.tif")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTerrainWork:
    """The terrain of one cell with its water flat."""

    grid: Grid
    folder: Path
    """Where the terrain unit of the cell wrote."""
    bodies: tuple[WaterBody, ...]
    parameters: TerrainParameters
    reference: Reference

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the rasters again; the facts count the pixels that are flat."""
        dtm, dsm, dhm, confidence, origin = (_read(self.folder / name) for name in _REWRITTEN)
        before = TerrainRasters(dtm=dtm, dsm=dsm, dhm=dhm, origin=origin, confidence=confidence)
        after = flattened(before, self.grid, self.bodies, self.parameters)
        values = (after.dtm, after.dsm, after.dhm, after.confidence)
        for name, raster in zip(_REWRITTEN[:-1], values, strict=True):
            write_raster(raster, self.grid, self.reference, folder / name)
        write_codes(after.origin, self.grid, self.reference, folder / _REWRITTEN[-1])
        return {"n_flat_pixels": int((after.origin != before.origin).sum())}


def _outlines(name: str, parts: Sequence[Path]) -> Iterator[Outline]:
    """The water surfaces of a layer of BD TOPO."""
    for part in parts:
        frame = read_layer_parquet(part)
        for row in frame.to_dict("records"):
            nature = unicodedata.normalize("NFKD", str(row["nature"] or "")).encode("ascii", "ignore").decode().lower()
            if nature.startswith(_NO_WATER) or row["geometry"].is_empty:
                continue
            kind = "running" if nature.startswith(_RUNNING) else "still"
            geometry = shapely.force_2d(row["geometry"])
            yield Outline(body_id=str(row["topo_id"]), kind=kind, source=name, geometry=geometry)


def _frame(bodies: Sequence[WaterBody], reference: Reference) -> gpd.GeoDataFrame:
    rows = [
        (
            body.outline.body_id,
            body.outline.kind,
            body.outline.source,
            body.level.level_m,
            body.level.spread_m,
            body.level.fall_m,
            body.level.n_pixels,
            round(body.outline.geometry.area, 2),
            not body.level.reason,
            body.level.reason,
        )
        for body in bodies
    ]
    names = [column.name for column in COLUMNS]
    geometry = [body.outline.geometry for body in bodies]
    frame = gpd.GeoDataFrame(rows, columns=names, geometry=geometry, crs=reference.horizontal)
    texts = {column.name: "str" for column in COLUMNS if column.kind == "text"}
    numbers = {column.name: "float64" for column in COLUMNS if column.kind == "number"}
    return frame.astype({**texts, **numbers, "n_pixels_with_returns": "int64", "is_flat": "bool"})


def _bodies(frame: gpd.GeoDataFrame) -> list[WaterBody]:
    return [
        WaterBody(
            outline=Outline(
                body_id=row["water_body_id"], kind=row["kind"], source=row["source"], geometry=row["geometry"]
            ),
            level=WaterLevel(
                level_m=row["level_m"],
                spread_m=row["spread_m"],
                fall_m=row["fall_m"],
                n_pixels=row["n_pixels_with_returns"],
                reason=row["reason"],
            ),
        )
        for row in frame.to_dict("records")
    ]


def _digest(bodies: Sequence[WaterBody]) -> str:
    """Checksum of what a cell takes from the bodies that reach into it."""
    digest = hashlib.sha256()
    for body in bodies:
        level = (body.outline.body_id, body.outline.source, body.level.level_m, body.level.spread_m, body.level.reason)
        digest.update(repr(level).encode())
        digest.update(shapely.to_wkb(body.outline.geometry))
    return digest.hexdigest()


def _read(path: Path) -> np.ndarray[Any, Any]:
    with rasterio.open(path) as dataset:
        values: np.ndarray[Any, Any] = dataset.read(1)
    return values
