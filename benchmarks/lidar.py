"""A LiDAR tile of a square kilometre into DTM, DSM and DHM, against the bare decoding of the fields that this takes.

    python benchmarks/lidar.py [--rounds 3] [--folder FOLDER] [--scales 0.5 1 2]

The tile is flown twice, across: some 17 million returns of ground with relief, houses and trees, 3 cm of noise, in
the fields of LiDAR HD. *decode*: laspy and lazrs with all cores, X, Y, Z, class and flags, nothing kept. *rasters*: the
same file into the three rasters, exact TIN; work before it (imports, loading compiled kernels) and the Cloud Optimized
GeoTIFFs after it are told apart. Processes take turns; ratios are medians of pairs. Then the errors against the truth,
and the peak memory for half and twice the points.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEST, SOUTH, SIDE = 770_000.0, 6_277_000.0, 1000.0
SPACING_M = 0.35
"""Between pulses, along and across the flight; two flights make 16 pulses a square metre."""
NOISE_M = 0.03
BLOCK_M = 60.0
"""Of the town: a house and two trees in each."""

Values = NDArray[np.float64]


def ground(x: Values, y: Values) -> Values:
    """True elevation of the ground, metres; x, y from the south-west corner of the tile."""
    return 60 + 12 * np.sin(x / 170) + 8 * np.cos(y / 130) + 2 * np.sin((x + y) / 60)


def is_roofed(x: Values, y: Values) -> NDArray[np.bool_]:
    """Where a house stands: 14 by 10 m."""
    u, v = x % BLOCK_M, y % BLOCK_M
    return (u > 20) & (u < 34) & (v > 20) & (v < 30)


def crown(x: Values, y: Values) -> Values:
    """Height of the crowns above the ground, metres; 0 where there is none."""
    top = np.zeros_like(x)
    for u, v, radius, height in ((48.0, 12.0, 5.0, 12.0), (10.0, 48.0, 4.0, 9.0)):
        off = (x % BLOCK_M - u) ** 2 + (y % BLOCK_M - v) ** 2
        top = np.maximum(top, np.where(off < radius**2, height * np.sqrt(np.maximum(1 - off / radius**2, 0.04)), 0))
    return top


def returns(along_x: bool, lines: NDArray[np.int64], spacing: float, rng: np.random.Generator) -> dict[str, Any]:
    """Returns of some scan lines of a flight, in the order of the pulses."""
    n = int(SIDE / spacing)
    across = (np.tile(np.arange(n), len(lines)) + 0.5) * spacing
    along = (np.repeat(lines, n) + 0.5 + 0.25 * across / SIDE) * spacing  # lines lie slightly aslant
    across, along = (axis + rng.normal(0, 0.06, len(axis)) for axis in (across, along))
    x, y = (along, across) if along_x else (across, along)
    inside = (x >= 0) & (x < SIDE) & (y > 0) & (y <= SIDE)
    x, y = x[inside], y[inside]
    pulse = np.flatnonzero(inside) + int(lines[0]) * n
    base, top, roofed = ground(x, y), crown(x, y), is_roofed(x, y)
    in_crown, through = top > 0, rng.random(len(x)) < 0.35
    first = base + np.where(roofed, 7 + 0.4 * np.abs(y % BLOCK_M - 25), np.where(in_crown, top, 0.0))
    classes = np.where(roofed, 6, np.where(in_crown, 5, 2)).astype(np.uint8)
    second = in_crown & through  # what comes through the leaves
    order = np.argsort(np.r_[pulse, pulse[second]], kind="stable")
    z = np.r_[first, base[second]] + rng.normal(0, NOISE_M, len(order))
    number = np.r_[np.ones(len(x)), np.full(int(second.sum()), 2)]
    return {
        "x": np.r_[x, x[second]][order],
        "y": np.r_[y, y[second]][order],
        "z": z[order],
        "classification": np.r_[classes, np.full(int(second.sum()), 2, np.uint8)][order],
        "return_number": number[order].astype(np.uint8),
        "number_of_returns": np.r_[np.where(second, 2, 1), np.full(int(second.sum()), 2)][order].astype(np.uint8),
        "gps_time": 4e8 + np.r_[pulse, pulse[second]][order] * 2.0**-19,
        "intensity": np.clip(rng.normal(900, 300, len(order)), 0, 65535).astype(np.uint16),
    }


def write_tile(path: Path, scale: float) -> int:
    """Write the tile with ``scale`` times the usual points; returns their number."""
    import laspy

    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales, header.offsets = np.full(3, 0.01), np.zeros(3)
    rng = np.random.default_rng(11)
    spacing = SPACING_M / scale**0.5
    total = 0
    with laspy.open(path, mode="w", header=header, laz_backend=laspy.LazBackend.LazrsParallel) as writer:
        for flight, along_x in enumerate((True, False)):
            for block in np.array_split(np.arange(int(SIDE / spacing)), 40):
                found = returns(along_x, block, spacing, rng)
                points = laspy.ScaleAwarePointRecord.zeros(len(found["x"]), header=writer.header)
                points["X"] = np.rint((found.pop("x") + WEST) * 100)
                points["Y"] = np.rint((found.pop("y") + SOUTH) * 100)
                points["Z"] = np.rint(found.pop("z") * 100)
                for name, values in found.items():
                    points[name] = values
                points["point_source_id"] = np.full(len(points), flight + 1, np.uint16)
                writer.write_points(points)
                total += len(points)
    return total


def decode(path: Path) -> dict[str, float]:
    """Decode the fields, and let them go."""
    import laspy

    selection = laspy.DecompressionSelection.base().decompress_z().decompress_classification().decompress_flags()
    start = time.process_time(), time.perf_counter()
    n = 0
    with laspy.open(path, laz_backend=laspy.LazBackend.LazrsParallel, decompression_selection=selection) as reader:
        for points in reader.chunk_iterator(250_000):
            n += len(points)
    return {"points": n, "cpu_s": time.process_time() - start[0], "wall_s": time.perf_counter() - start[1]}


def rasters(path: Path, folder: Path | None) -> dict[str, float]:
    """The three rasters in memory; then written, and compared with the truth, where a folder is given."""
    begin = time.process_time()
    from jnt_pipeline.base_layers.points import PointChunk
    from jnt_pipeline.crs.reference import Reference
    from jnt_pipeline.disk import Spool
    from jnt_pipeline.sources.lidar import stream_points
    from jnt_pipeline.stages.rasters import write_raster
    from jnt_pipeline.territory.grid import Grid
    from jnt_pipeline.territory.terrain import TerrainParameters, TerrainPoints, derive_dhm, derive_surfaces

    figures = {"imports_cpu_s": time.process_time() - begin}
    begin = time.process_time()
    small = TerrainPoints(Grid.covering((0, 0, 20, 20), 0.5), TerrainParameters())
    few = np.random.default_rng(1).uniform(0, 20, (1000, 3)).round(2)
    small.add(PointChunk.of(few, np.full(len(few), 2, np.uint8)))
    derive_surfaces(small)
    figures["kernels_cpu_s"] = time.process_time() - begin

    start = time.process_time(), time.perf_counter()
    grid = Grid.covering((WEST, SOUTH, WEST + SIDE, SOUTH + SIDE), 0.5)
    with Spool(path.parent) as spool:
        points = TerrainPoints(grid, TerrainParameters(), spool=spool)
        for chunk in stream_points(path):
            points.add(chunk)
        figures["gather_cpu_s"] = time.process_time() - start[0]
        dtm, dsm = derive_surfaces(points)
    dhm = derive_dhm(dsm, dtm)
    figures |= {"points": points.n_points, "cpu_s": time.process_time() - start[0]}
    figures |= {"wall_s": time.perf_counter() - start[1], "void_pct": 100 * float(np.isnan(dtm).mean())}
    figures["peak_mib"] = peak_mib()
    if folder:
        begin = time.process_time()
        reference = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
        for name, values in (("dtm", dtm), ("dsm", dsm), ("dhm", dhm)):
            write_raster(values, grid, reference, folder / f"{name}.tif")
        figures["cog_cpu_s"] = time.process_time() - begin
        x, y = np.meshgrid(grid.x_centres - WEST, grid.y_centres - SOUTH)
        error = np.abs(dtm - ground(x, y))
        roofed, leafed = is_roofed(x, y), crown(x, y) > 0
        for name, where in (
            ("all", np.ones_like(roofed)),
            ("open", ~roofed & ~leafed),
            ("trees", leafed),
            ("houses", roofed),
        ):
            known = error[where & np.isfinite(error)]
            figures[f"rmse_{name}"] = float(np.sqrt((known**2).mean()))
            figures[f"p99_{name}"] = float(np.quantile(known, 0.99))
    return figures


def peak_mib() -> float:
    """Highest resident memory of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def run(route: str, path: Path, *more: str) -> dict[str, float]:
    """One route in a process of its own, with the CPU seconds of the whole process."""
    command = [sys.executable, __file__, "--route", route, "--tile", str(path), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        figures: dict[str, float] = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return {**figures, "process_cpu_s": usage.ru_utime + usage.ru_stime}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the tiles are kept; default: a temporary folder")
    parser.add_argument("--scales", type=float, nargs="*", default=[0.5, 1.0, 2.0], help="tiles of the memory test")
    parser.add_argument("--route", choices=["decode", "rasters"], help=argparse.SUPPRESS)
    parser.add_argument("--tile", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.route:
        found = decode(arguments.tile) if arguments.route == "decode" else rasters(arguments.tile, arguments.out)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        tiles = {scale: folder / f"tile_{scale:g}.laz" for scale in sorted({1.0, *arguments.scales})}
        for scale, path in tiles.items():
            if not path.exists():
                write_tile(path, scale)
        report(tiles, arguments.rounds, Path(scratch))


def report(tiles: dict[float, Path], n_rounds: int, scratch: Path) -> None:
    """Measure and print."""
    first = run("rasters", tiles[1.0], "--out", str(scratch))
    n = first["points"]
    print(f"{n:,} points, {tiles[1.0].stat().st_size / n:.2f} bytes each")
    pairs = []
    for _ in range(n_rounds):
        bare, ours = run("decode", tiles[1.0]), run("rasters", tiles[1.0])
        pairs.append((ours["cpu_s"] / bare["cpu_s"], ours["wall_s"] / bare["wall_s"]))
        print(
            f"decode {bare['cpu_s']:.2f} CPU-s {bare['wall_s']:.2f} s   rasters {ours['cpu_s']:.2f} CPU-s "
            f"{ours['wall_s']:.2f} s (gathering {ours['gather_cpu_s']:.2f} CPU-s); before: imports "
            f"{ours['imports_cpu_s']:.2f}, kernels {ours['kernels_cpu_s']:.2f}; whole process "
            f"{ours['process_cpu_s']:.2f}; peak {ours['peak_mib']:.0f} MiB"
        )
    cpu, wall = (statistics.median(pair[axis] for pair in pairs) for axis in (0, 1))
    print(f"DTM + DSM + DHM / decode: CPU {cpu:.2f}×, wall {wall:.2f}× (medians of {n_rounds} pairs)")
    print(f"three COGs: {first['cog_cpu_s']:.2f} CPU-s; void {first['void_pct']:.3f} %")
    for name in ("all", "open", "trees", "houses"):
        print(f"error of the DTM, {name}: RMSE {first[f'rmse_{name}']:.4f} m, p99 {first[f'p99_{name}']:.4f} m")
    for path in tiles.values():
        figures = run("rasters", path)
        print(f"peak with {figures['points']:,} points: {figures['peak_mib']:.0f} MiB")


if __name__ == "__main__":
    main()
