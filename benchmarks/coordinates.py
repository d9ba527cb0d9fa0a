"""Coordinates: this package's ``Transformation.apply`` against a pinned pyproj pipeline, in one run.

    python benchmarks/coordinates.py [--points 1000000] [--rounds 7] [--grids FOLDER]

CPU seconds per million points on one core, medians of alternated pairs. The peer is
``pyproj.Transformer.from_pipeline`` of the very pipeline that the transformation pins, given contiguous columns and
nothing to check: the fairest one. Ours is the public call: it reads a table, tests every point (finite, inside the
domain, a height that can be one, a value in the grid) and gives a table.

Points: a square kilometre in the order of a survey, and points scattered over the whole domain (near the outline the
exact test is made). Differences are the greatest on all points. Then, each in a process of its own: the first point
with the kernels to compile, and with the kernels in the cache; and the peak memory of one call on both routes.

The grids of IGN are needed: ``JNT_PROJ_GRIDS``, ``--grids``, or those of ``jnt grids sync``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
import shapely

from jnt_pipeline.crs import transformation
from jnt_pipeline.crs.france.territories import territory_at
from jnt_pipeline.crs.systems import system

CASES = (
    ("EPSG:2154+5720", "EPSG:4978", 15.0, (2.0, 46.0)),
    ("EPSG:4978", "EPSG:2154+5720", 10.0, (2.0, 46.0)),
    ("EPSG:3946+5720", "EPSG:4978", 15.0, (4.8, 45.75)),
    ("EPSG:4978", "EPSG:3946+5720", 10.0, (4.8, 45.75)),
    ("EPSG:2975+5758", "EPSG:4978", 5.0, (55.45, -21.1)),
    ("EPSG:4978", "EPSG:2975+5758", 5.0, (55.45, -21.1)),
    ("EPSG:2154", "EPSG:4326", 0.0, (2.0, 46.0)),
    ("EPSG:4326", "EPSG:2154", 0.0, (2.0, 46.0)),
)
"""Source, target, required ratio, and the corner of the square kilometre."""

SOUTH_WEST = {
    "EPSG:2154": (-1.2, 43.2, 7.0, 49.4),
    "EPSG:3946": (-1.0, 45.3, 6.8, 46.7),
    "EPSG:2975": (55.2, -21.4, 55.9, -20.85),
}
"""Box around the territory, or the part of it for which a zone is meant, degrees."""


def points_of(source: str, target: str, place: tuple[float, float], n: int, *, scattered: bool) -> np.ndarray:
    """Points of the source: a square kilometre in survey order, or scattered over the domain."""
    rng = np.random.default_rng(5)
    plane = next(code for code in (source, target) if code.split("+")[0] in SOUTH_WEST)
    into_plane = transformation("EPSG:4326", plane.split("+")[0])
    into_source = transformation(plane, source)
    if not scattered:
        corner = np.floor(into_plane.apply(np.array([place]))[0] / 1000) * 1000
        t = np.arange(n)
        rows = max(1, round(n**0.5))
        xy = corner + 1000 * np.column_stack(((t // rows + 0.5) / rows, (t % rows + 0.5) / rows))
        xy += rng.uniform(-0.3, 0.3, xy.shape)
    else:
        west, south, east, north = SOUTH_WEST[plane.split("+")[0]]
        outline = territory_at(*place).outline
        lon, lat = rng.uniform((west, south), (east, north), (4 * n, 2)).T
        inside = shapely.contains_xy(outline, lon, lat)
        xy = into_plane.apply(np.column_stack((lon[inside], lat[inside])))
        if "+" in plane:  # the outline reaches beyond the values of the grid, at sea
            to_solid = pyproj.Transformer.from_pipeline(transformation(plane, "EPSG:4978").operation.pipeline)
            xy = xy[np.isfinite(to_solid.transform(*xy.T, np.zeros(len(xy)))[2])]
        xy = xy[:n]
    table = np.column_stack((xy, rng.uniform(0, 800, len(xy)))) if "+" in plane else xy
    return table if source == plane else into_source.apply(table)


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(source: str, target: str, points: np.ndarray, rounds: int) -> dict[str, float]:
    """Median CPU seconds per million points of both routes, taken in turns, and the greatest difference."""
    chosen = transformation(source, target)
    peer = pyproj.Transformer.from_pipeline(chosen.operation.pipeline)
    columns = [np.ascontiguousarray(points[:, i]) for i in range(points.shape[1])]
    got, expected = chosen.apply(points), np.column_stack(peer.transform(*columns))
    difference = np.abs(got - expected)
    if system(chosen.target).is_degrees:
        difference[:, :2] *= np.pi / 180 * 6_378_137
    del got, expected
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(cpu(lambda: chosen.apply(points)))
        theirs.append(cpu(lambda: peer.transform(*columns)))
    per_million = 1e6 / len(points)
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "ours": statistics.median(ours) * per_million,
        "theirs": statistics.median(theirs) * per_million,
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "apart_mm": float(difference.max()) * 1000,
        "compiled": chosen.engine == "compiled",
    }


def first_point() -> dict[str, float]:
    """Import, build and transform one point, in this fresh process."""
    start, wall = time.process_time(), time.perf_counter()
    chosen = transformation("EPSG:2154+5720", "EPSG:4978")
    built, built_wall = time.process_time(), time.perf_counter()
    chosen.apply(np.array([[700_000.0, 6_600_000.0, 100.0]]))
    end, end_wall = time.process_time(), time.perf_counter()
    again = [cpu(lambda: chosen.apply(np.array([[700_000.0, 6_600_000.0, 100.0]]))) for _ in range(50)]
    peer = pyproj.Transformer.from_pipeline(chosen.operation.pipeline)
    proj = cpu(lambda: peer.transform([700_000.0], [6_600_000.0], [100.0]))
    return {
        "build_s": built - start, "build_wall_s": built_wall - wall, "first_s": end - built,
        "first_wall_s": end_wall - built_wall, "next_us": statistics.median(again) * 1e6, "proj_s": proj,
    }  # fmt: skip


def peak_mib() -> float:
    """Highest resident memory since ``forget_peak``, or since the start where that is not possible."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def memory(route: str, n: int) -> dict[str, float]:
    """Memory that one call adds, for points that exist already; in and out are 48 bytes a point."""
    chosen = transformation("EPSG:2154+5720", "EPSG:4978")
    points = points_of("EPSG:2154+5720", "EPSG:4978", (2.0, 46.0), n, scattered=False)
    peer = pyproj.Transformer.from_pipeline(chosen.operation.pipeline)
    columns = [np.ascontiguousarray(points[:, i]) for i in range(3)]
    chosen.apply(points[:10])
    peer.transform(*(column[:10] for column in columns))
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = peak_mib()
    if route == "jnt":
        chosen.apply(points)
    else:
        np.column_stack(peer.transform(*columns))
    return {"added_mib": peak_mib() - before, "result_mib": points.nbytes / 2**20}


def alone(*arguments: str, cache: str = "") -> dict[str, float]:
    """The figures of one route in a process of its own."""
    environment = dict(os.environ)
    if cache:  # machine code and bytecode, as an installation keeps both
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment |= {"NUMBA_CACHE_DIR": cache, "PYTHONPYCACHEPREFIX": cache}
    run = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True, env=environment
    )
    figures: dict[str, float] = json.loads(run.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--grids", help="folder of IGN's grids")
    parser.add_argument("--route", choices=["first", "jnt", "proj"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.grids:
        os.environ["JNT_PROJ_GRIDS"] = arguments.grids
    if arguments.route:
        figures = first_point() if arguments.route == "first" else memory(arguments.route, arguments.points)
        print(json.dumps(figures))
        return
    print(
        f"CPU seconds per million points, median of {arguments.rounds} alternated pairs; PROJ {pyproj.proj_version_str}"
    )
    for source, target, required, place in CASES:
        for name, scattered in (("square km", False), ("scattered", True)):
            points = points_of(source, target, place, arguments.points, scattered=scattered)
            row = compare(source, target, points, arguments.rounds)
            verdict = "" if not required else "  holds" if row["ratio"] >= required else f"  BELOW {required:g}"
            print(
                f"{source:>15} to {target:15} {name}  jnt {row['ours']:.4f}  pyproj {row['theirs']:.4f}  "
                f"ratio {row['ratio']:4.1f} ({row['low']:.1f} to {row['high']:.1f}){verdict}  "
                f"apart {row['apart_mm']:.1e} mm{'' if row['compiled'] else '  NOT COMPILED'}",
                flush=True,
            )
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold, kernels compiled", "kernels in the cache"):
            row = alone("--route", "first", cache=cache)
            print(
                f"first point of a process ({name}): {row['first_s']:.2f} CPU-s, {row['first_wall_s']:.2f} s; PROJ "
                f"{row['proj_s']:.3f} CPU-s; the choice of the operation {row['build_s']:.2f} CPU-s before; "
                f"then {row['next_us']:.0f} µs a call"
            )
    n = 5 * arguments.points
    for route in ("jnt", "proj"):
        row = alone("--route", route, "--points", str(n))
        print(
            f"memory added by one call on {n:,} points, {route:4}: {row['added_mib']:.0f} MiB "
            f"(the result itself {row['result_mib']:.0f} MiB)"
        )


if __name__ == "__main__":
    main()
