"""Terrain of a synthetic square kilometre: this package against the usual scipy route, in one run.

    python benchmarks/terrain.py [--points 10000000] [--peer-points 100000]

Prints CPU seconds, wall seconds and peak memory of each route, and ratios per ground point. Each route runs in a
process of its own, so that its peak is its own. Nothing is decoded and nothing is written: the points are made in
memory, with buildings cut out of the ground (voids up to 30 m). scipy gets fewer points (its time grows with them,
and ten million would not fit), at the same density: a smaller square.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dhm, derive_dsm, derive_dtm

X0, Y0 = 770_000.0, 6_277_000.0
BUFFER_M = 50.0


def town(n: int, side_m: float) -> PointBlock:
    """Points of a square and its buffer: rolling ground, and every 60 m a building that hides it."""
    rng = np.random.default_rng(20)
    low, high = -BUFFER_M, side_m + BUFFER_M
    xyz = np.empty((n, 3))
    xyz[:, :2] = rng.integers(int(low * 100), int(high * 100), (n, 2)) / 100
    xyz[:, 2] = 40 + 6 * np.sin(xyz[:, 0] / 90) + 4 * np.cos(xyz[:, 1] / 70) + rng.normal(0, 0.03, n)
    roofed = (xyz[:, 0] % 60 < 30) & (xyz[:, 1] % 60 < 22)
    xyz[roofed, 2] += 7
    xyz[:, 2] = xyz[:, 2].round(2)
    xyz[:, :2] += (X0, Y0)
    return PointBlock(
        xyz=xyz,
        classification=np.where(roofed, 6, 2).astype(np.uint8),
        reference=Reference(horizontal="EPSG:2154", vertical="EPSG:5720"),
    )


def side_for(n: int, density_m2: float) -> float:
    """Whole metres of the square that, with its buffer, holds ``n`` points."""
    return max(50.0, round((n / density_m2) ** 0.5 - 2 * BUFFER_M))


def peak_mib() -> float:
    """Highest resident memory since the last ``forget_peak``, or since the start where that is not possible."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def forget_peak() -> None:
    """Let the peak start again from what is resident now (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measure(route: str, n: int, side_m: float) -> dict[str, float]:
    """Run one route and return its figures."""
    block = town(n, side_m)
    grid = Grid.covering((X0, Y0, X0 + side_m, Y0 + side_m), 0.5)
    parameters = TerrainParameters()
    n_ground = int(np.count_nonzero(block.classification == 2))
    figures: dict[str, float] = {"points": n, "ground": n_ground, "pixels": grid.n_rows * grid.n_columns}
    if route == "jnt":
        small = town(2_000, 50.0)
        start = time.process_time()
        derive_dsm(small, Grid.covering((X0, Y0, X0 + 50, Y0 + 50), 0.5), parameters)  # compiles, or loads the cache
        figures["warm_up_cpu_s"] = time.process_time() - start
    forget_peak()
    figures["before_mib"] = peak_mib()
    cpu, wall = time.process_time(), time.perf_counter()
    if route == "jnt":
        dtm = derive_dtm(block, grid, parameters)
    else:
        ground = block.xyz[block.classification == 2] - (X0, Y0, 0.0)
        x, y = np.meshgrid(grid.x_centres - X0, grid.y_centres - Y0)
        mesh = Delaunay(ground[:, :2])
        figures["mesh_cpu_s"] = time.process_time() - cpu
        dtm = LinearNDInterpolator(mesh, ground[:, 2])(x, y).astype(np.float32)
    figures |= {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    figures |= {"peak_mib": peak_mib(), "coverage": float(np.isfinite(dtm).mean())}
    if route == "jnt":
        cpu = time.process_time()
        dsm = derive_dsm(block, grid, parameters)
        derive_dhm(dsm, dtm)
        figures["dsm_dhm_cpu_s"] = time.process_time() - cpu
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--peer-points", type=int, default=100_000)
    parser.add_argument("--route", choices=["jnt", "scipy"], help=argparse.SUPPRESS)
    parser.add_argument("--side", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.route:
        print(json.dumps(measure(arguments.route, arguments.points, arguments.side)))
        return
    density = arguments.points / (1000 + 2 * BUFFER_M) ** 2
    rows = {}
    runs = (
        ("jnt", arguments.points, 1000.0),
        ("jnt", arguments.peer_points, 0.0),
        ("scipy", arguments.peer_points, 0.0),
    )
    for route, n, side in runs:
        command = [sys.executable, __file__, "--route", route, "--points", str(n)]
        command += ["--side", str(side or side_for(n, density))]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows[route, n] = figures
        print(
            f"{route:6} {n:>10,} points {figures['pixels']:>9,} pixels  DTM {figures['cpu_s']:7.2f} CPU-s "
            f"{figures['wall_s']:7.2f} s  peak {figures['peak_mib']:6.0f} MiB "
            f"(of which before {figures['before_mib']:6.0f})  known {figures['coverage']:.2%}"
            + (f"  DSM+DHM {figures['dsm_dhm_cpu_s']:.2f} CPU-s" if route == "jnt" else "")
        )
    ours, peer = rows["jnt", arguments.peer_points], rows["scipy", arguments.peer_points]
    added = [max(r["peak_mib"] - r["before_mib"], 0.1) for r in (peer, ours)]
    print(
        f"scipy / jnt on the same {arguments.peer_points:,} points: CPU {peer['cpu_s'] / ours['cpu_s']:.0f}× "
        f"(mesh alone {peer['mesh_cpu_s'] / ours['cpu_s']:.0f}×; scipy's search by pixel is slow on this scene), "
        f"memory added {added[0]:.0f} / {added[1]:.0f} MiB"
    )


if __name__ == "__main__":
    main()
