"""Roofs: how many come out right, how close to the truth and how fast; on made roofs, a made territory, and Delft.

    python benchmarks/roofs.py [--made 40] [--territory-km 0.5] [--delft ../shared/data/models3d/delft_3dfier]

Right: the roof type and the exact number of faces. Times are CPU seconds of this process beyond reading, after one
roof that compiles. Delft's 160 buildings are those of the 3dfier model (footprint: its roof rings; ground: its lowest
level); points are of class 6 inside a footprint, one in seven of them on a façade. Their distance is told three times:
vertically to the face of the roof, which no façade point can be near; the same without façade points (one with
another one more than 1 m above it within 0.5 m); and to the nearest surface of the solid, walls included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path

import geopandas as gpd
import laspy
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.samples.made_roofs import SHAPES, made_roof
from jnt_pipeline.samples.made_towns import made_town_building
from jnt_pipeline.samples.rive import RECIPE as RIVE
from jnt_pipeline.samples.scan import scan_strips
from jnt_pipeline.territory.roofs.layer import derive_roofs, solids_of_roof
from jnt_pipeline.territory.roofs.parameters import RoofParameters
from jnt_pipeline.territory.roofs.shells import PLANARITY_M
from jnt_pipeline.territory.solids import Solid, triangulate, validate_solid

FRANCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
FACES = {"flat": 1, "gabled": 2, "hipped": 4, "ring": 8}


def peak_mib() -> float:
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    return float("nan")


def block(xyz: NDArray[np.float64], reference: Reference) -> PointBlock:
    return PointBlock(xyz=xyz, classification=np.full(len(xyz), 6, dtype=np.uint8), reference=reference)


def frame(plans: list[shapely.Polygon], grounds: list[float], reference: Reference) -> gpd.GeoDataFrame:
    n = len(plans)
    table = {
        "building_id": [f"b{i:05d}" for i in range(n)],
        "ground_elevation_m": np.round(np.array(grounds, dtype=float), 3),
        "roof_elevation_m": np.nan,
        "lod": "1",
        "reason": "",
    }
    return gpd.GeoDataFrame(table, geometry=plans, crs=reference.horizontal)


def rebuilt(buildings: gpd.GeoDataFrame, faces: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Whether each building has one valid solid for each part, rebuilt from the layer."""
    of = dict(tuple(faces.groupby("building_id")))
    valid = []
    for name, ground in zip(buildings["building_id"], buildings["ground_elevation_m"], strict=True):
        solids = solids_of_roof(of[name], ground) if name in of else ()
        valid.append(bool(solids) and not any(validate_solid(solid, planarity_m=PLANARITY_M) for solid in solids))
    return np.array(valid)


def elevations(faces: gpd.GeoDataFrame, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elevation of the faces over positions (n, 2); NaN beside them."""
    found = np.full(len(xy), np.nan)
    for row in faces.itertuples():
        inside = shapely.intersects_xy(row.geometry, xy[:, 0], xy[:, 1])
        east, north = xy[inside, 0] - row.origin_easting_m, xy[inside, 1] - row.origin_northing_m
        found[inside] = row.rise_east * east + row.rise_north * north + row.plane_elevation_m
    return found


def distances(solid: Solid, xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of points (n, 3) to the nearest triangle of a solid."""
    vertices, triangles, _ = triangulate(solid)
    origin = vertices[0]
    points, nearest = xyz - origin, np.full(len(xyz), np.inf)
    for a, b, c in (vertices - origin)[triangles]:
        normal = np.cross(b - a, c - a)
        size = float(np.linalg.norm(normal))
        if size < 1e-9:
            continue
        inside = np.ones(len(points), dtype=bool)
        for start, end in ((a, b), (b, c), (c, a)):
            edge = end - start
            inside &= (points - start) @ np.cross(normal, edge) >= 0
            t = np.clip((points - start) @ edge / (edge @ edge), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(points - start - t[:, None] * edge, axis=1))
        plane = np.abs((points - a) @ normal) / size
        nearest = np.where(inside, np.minimum(nearest, plane), nearest)
    return nearest


def timed(
    buildings: gpd.GeoDataFrame, points: PointBlock, parameters: RoofParameters
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, float]:
    derive_roofs(buildings.iloc[:1], points, (6, 67), parameters)
    start = time.process_time()
    table, faces = derive_roofs(buildings, points, (6, 67), parameters)
    return table, faces, time.process_time() - start


def made(n: int) -> None:
    print(f"\nMade roofs, {n} of each shape: right / one valid solid / RMSE and volume against the truth")
    for shape in SHAPES:
        roofs = [made_roof(shape, seed) for seed in range(n)]
        right, valid, rmse, volume = [], [], [], []
        for roof in roofs:
            one = frame([roof.footprint], [roof.ground_elevation_m], FRANCE)
            table, faces = derive_roofs(one, block(roof.points, FRANCE), (6,), RoofParameters())
            row = table.iloc[0]
            right.append(row.roof_type == roof.roof_type and row.n_roof_faces == roof.n_faces)
            valid.append(bool(rebuilt(table, faces)[0]) and row.roof_lod == "2.2")
            xy = roof.grid()
            truth = roof.elevation(xy[:, 0], xy[:, 1])
            rmse.append(np.sqrt(np.nanmean((elevations(faces, xy) - truth) ** 2)))
            volume.append(row.roof_volume_m3 / (np.mean(truth - roof.ground_elevation_m) * roof.footprint.area) - 1)
        print(
            f"  {shape:22s} {np.mean(right):6.1%} {np.mean(valid):6.1%}   median {np.median(rmse):.3f} m, "
            f"within 0.05 m {np.mean(np.array(rmse) <= 0.05):6.1%}   volume off at most {np.abs(volume).max():.2%}"
        )


def town(n: int) -> None:
    """The set on which the parameters were chosen."""
    houses = [made_town_building(seed) for seed in range(n)]
    n_faces, near, size, valid = 0, [], [], []
    for house in houses:
        one = frame([house.footprint], [0.0], FRANCE)
        table, faces = derive_roofs(one, block(house.points, FRANCE), (6,), RoofParameters())
        valid.append(bool(rebuilt(table, faces)[0]) and table["roof_lod"].iloc[0] == "2.2")
        n_faces += len(faces)
        tree = cKDTree(house.points[:, :2])
        above = np.array([house.points[k, 2].max() for k in tree.query_ball_point(house.points[:, :2], 0.5)])
        roof = house.points[above - house.points[:, 2] <= 1.0]
        near.append(int((np.abs(elevations(faces, roof[:, :2]) - roof[:, 2]) <= 0.3).sum()))
        size.append(len(roof))
    share = np.array(near) / np.array(size)
    print(f"\nMade town, {n} buildings of several parts: {n_faces} faces, one valid LoD2 solid {np.mean(valid):.1%}")
    print(
        f"  points within 0.3 m vertically, without façades: {sum(near) / sum(size):.1%}; "
        f"buildings with 90 % of theirs so: {np.mean(share >= 0.9):.1%}"
    )


def territory(size_km: float) -> None:
    town = RIVE.build(RIVE.seed, RIVE.extent(size_km))
    parts = []
    for returns in scan_strips(town, RIVE.dress(town), RIVE.density):
        kept = returns.of(np.isin(returns.classification, (6, 67)))
        parts.append(np.column_stack([kept.x_cm, kept.y_cm, kept.z_cm]) / 100)
    points = block(np.concatenate(parts), FRANCE)
    houses = town.buildings
    grounds = [house.eave_elevation_m - 3.0 for house in houses]
    buildings = frame([shapely.set_precision(house.footprint, 0.001) for house in houses], grounds, FRANCE)
    table, faces, seconds = timed(buildings, points, RoofParameters())
    valid = rebuilt(table, faces)
    of = dict(tuple(faces.groupby("building_id")))
    rmse, volume, right = [], [], []
    for house, row in zip(houses, table.itertuples(), strict=True):
        expected = "complex" if house.roof == "ring" else house.roof
        right.append(row.roof_type == expected and row.n_roof_faces == FACES[house.roof])
        if row.building_id not in of:
            continue
        xy = house.footprint_grid()
        truth = house.roof_elevation(xy[:, 0], xy[:, 1])
        rmse.append(np.sqrt(np.nanmean((elevations(of[row.building_id], xy) - truth) ** 2)))
        volume.append(row.roof_volume_m3 / (np.mean(truth - row.ground_elevation_m) * house.footprint.area) - 1)
    print(f"\nMade territory rive, {size_km} km: {len(houses)} buildings, {len(points):,} roof points")
    print(f"  right {np.mean(right):.1%}; one valid LoD2 solid {np.mean(valid & (table.roof_lod == '2.2')):.1%}")
    print(f"  RMSE to the true roof: median {np.median(rmse):.3f} m, largest {max(rmse):.3f} m")
    print(f"  volume off by {np.median(np.abs(volume)):.3%} (median), {np.abs(volume).max():.2%} at most")
    print(f"  {len(houses) / seconds:.0f} buildings/s, peak {peak_mib():.0f} MiB")


def delft(folder: Path) -> None:
    city = json.loads((folder / "testarea.json").read_text())
    vertices = np.array(city["vertices"], dtype=float)
    if "transform" in city:
        vertices = vertices * city["transform"]["scale"] + city["transform"]["translate"]
    plans, grounds = [], []
    for _, thing in sorted(city["CityObjects"].items()):
        if thing["type"] != "Building":
            continue
        (shell,) = thing["geometry"][0]["boundaries"]
        used = vertices[sorted({i for face in shell for ring in face for i in ring}), 2]
        roof = [
            shapely.Polygon(vertices[face[0], :2], [vertices[hole, :2] for hole in face[1:]])
            for face in shell
            if all(vertices[i, 2] == used.max() for ring in face for i in ring)
        ]
        plans.append(shapely.union_all(roof))
        grounds.append(float(used.min()))
    reference = Reference(horizontal="EPSG:28992", vertical="EPSG:5709")
    files = [laspy.read(folder / f"ahn3_cropped_{i}.laz") for i in (1, 2)]
    points = block(np.concatenate([las.xyz[las.classification == 6] for las in files]), reference)
    table, faces, seconds = timed(frame(plans, grounds, reference), points, RoofParameters())
    valid = rebuilt(table, faces)
    of = dict(tuple(faces.groupby("building_id")))
    tree = cKDTree(points.xyz[:, :2])
    counts: list[tuple[int, int, int]] = []
    sizes: list[tuple[int, int, int]] = []
    high = []
    for row, plan in zip(table.itertuples(), plans, strict=True):
        own = points.xyz[shapely.intersects_xy(plan, points.xyz[:, 0], points.xyz[:, 1])]
        above = np.array([points.xyz[around, 2].max() for around in tree.query_ball_point(own[:, :2], 0.5)])
        roof = above - own[:, 2] <= 1.0
        sizes.append((len(own), int(roof.sum()), len(own)))
        high.append(row.ridge_elevation_m - np.percentile(own[:, 2], 99))
        if row.building_id not in of:
            counts.append((0, 0, 0))
            continue
        near = np.abs(elevations(of[row.building_id], own[:, :2]) - own[:, 2]) <= 0.3
        solids = solids_of_roof(of[row.building_id], row.ground_elevation_m)
        close = np.min([distances(solid, own) for solid in solids], axis=0) <= 0.3
        counts.append((int(near.sum()), int(near[roof].sum()), int(close.sum())))
    print(f"\nDelft: {len(table)} buildings, {sum(size[0] for size in sizes):,} points, {len(faces)} roof faces")
    names = ("vertically", "vertically, without façades", "to the solid")
    for measure, count, size in zip(names, np.array(counts).T, np.array(sizes).T, strict=True):
        print(
            f"  points within 0.3 m {measure}: {count.sum() / size.sum():.1%}; "
            f"buildings with 90 % of theirs so: {np.mean(count / size >= 0.9):.1%}"
        )
    print(f"  one valid solid {valid.mean():.1%}; LoD {table.roof_lod.value_counts().to_dict()}")
    print(f"  reasons {table.roof_reason[table.roof_reason != ''].value_counts().to_dict()}")
    print(f"  types {table.roof_type.value_counts().to_dict()}; highest above p99: {np.nanmax(high):.2f} m")
    print(f"  {len(table) / seconds:.0f} buildings/s, peak {peak_mib():.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--made", type=int, default=40, help="made roofs of each shape")
    parser.add_argument("--territory-km", type=float, default=0.5, help="size of the made territory; 0: none")
    parser.add_argument("--delft", type=Path, help="folder of the 3dfier example")
    arguments = parser.parse_args()
    if arguments.made:
        made(arguments.made)
        town(3 * arguments.made)
    if arguments.territory_km:
        territory(arguments.territory_km)
    if arguments.delft:
        delft(arguments.delft)


if __name__ == "__main__":
    main()
