"""LoD1 of footprints from LiDAR points in memory: this package against the join that geopandas users write.

    python benchmarks/buildings.py [--rounds 3] [--density 10]

A square kilometre with 1,225 gabled houses of 12 by 9 m, points of all classes. *jnt*: ``derive_buildings``, which
gives ground, roof elevations and a verdict for each footprint. *sjoin*: class 6 joined to the footprints, the
90th percentile by group; neither ground nor verdict. Reading is left out of both. CPU seconds, least of the rounds, in
turns; then the greatest difference between the two roof elevations (ours counts by even density in plan).
"""

from __future__ import annotations

import argparse
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.transform import from_origin

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.buildings import BuildingParameters, derive_buildings
from jnt_pipeline.territory.model import RasterWindow

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
WEST, SOUTH, SIDE, LOT = 770_000.0, 6_277_000.0, 1000.0, 28.0


def town(density: float) -> tuple[gpd.GeoDataFrame, PointBlock, RasterWindow]:
    """Footprints, points and terrain."""
    rng = np.random.default_rng(5)
    n = int(SIDE / LOT)
    corner = np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2)
    corner = np.add(corner * LOT, (8.0, 9.0))
    x, y = rng.uniform(0, SIDE, (2, int(density * SIDE * SIDE))).round(2)
    u, v = x % LOT - 8.0, y % LOT - 9.0
    inside = (u >= 0) & (u < 12) & (v >= 0) & (v < 9) & (x < n * LOT) & (y < n * LOT)
    z = 50 + 0.01 * x + rng.normal(0, 0.03, len(x)) + np.where(inside, 8.5 - 0.7 * np.abs(v - 4.5), 0)
    points = PointBlock(
        xyz=np.column_stack((x + WEST, y + SOUTH, z)),
        classification=np.where(inside, 6, 2).astype(np.uint8),
        reference=REFERENCE,
    )
    low = np.add(corner, (WEST, SOUTH))
    shapes = shapely.box(low[:, 0], low[:, 1], low[:, 0] + 12, low[:, 1] + 9)
    footprints = gpd.GeoDataFrame(
        {"footprint_id": [f"F{i:05d}" for i in range(len(shapes))]}, geometry=shapes, crs=2154
    )
    ground = np.tile((50 + 0.01 * (np.arange(2000) * 0.5 + 0.25)).astype(np.float32), (2000, 1))
    dtm = RasterWindow(values=ground, transform=from_origin(WEST, SOUTH + SIDE, 0.5, 0.5), reference=REFERENCE)
    return footprints, points, dtm


def joined(footprints: gpd.GeoDataFrame, points: PointBlock) -> pd.Series:
    """The usual idiom."""
    roof = points.xyz[points.classification == 6]
    spots = gpd.GeoDataFrame({"z": roof[:, 2]}, geometry=gpd.points_from_xy(roof[:, 0], roof[:, 1]), crs=2154)
    pairs = gpd.sjoin(spots, footprints, predicate="within")
    return pairs.groupby("footprint_id")["z"].quantile(0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--density", type=float, default=10.0, help="points per square metre")
    arguments = parser.parse_args()
    footprints, points, dtm = town(arguments.density)
    few = footprints.head(10)
    derive_buildings(few, points.inside(tuple(few.total_bounds)), dtm, BuildingParameters())  # compiles, or loads
    best = {"jnt": np.inf, "sjoin": np.inf}
    for _ in range(arguments.rounds):
        start = time.process_time()
        ours = derive_buildings(footprints, points, dtm, BuildingParameters())
        middle = time.process_time()
        theirs = joined(footprints, points)
        best["jnt"] = min(best["jnt"], middle - start)
        best["sjoin"] = min(best["sjoin"], time.process_time() - middle)
    n = len(footprints)
    print(f"{n:,} footprints, {len(points):,} points, {int((points.classification == 6).sum()):,} of roofs")
    for name, seconds in best.items():
        print(f"  {name:6} {seconds:6.3f} CPU-s  {n / seconds:8,.0f} buildings/s")
    print(f"  ratio {best['sjoin'] / best['jnt']:.1f}")
    found = ours.set_index("footprint_id")["roof_elevation_m"]
    print(f"  roof elevations differ by {np.abs(found - theirs[found.index]).max() * 1000:.1f} mm at most")


if __name__ == "__main__":
    main()
