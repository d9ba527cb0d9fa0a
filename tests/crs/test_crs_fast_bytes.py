"""One point, one result: whatever its batch and place, the memory it comes in, the processor; and little room."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crs.compiled import rectangle_of
from jnt_pipeline.crs import transformation
from jnt_pipeline.crs.fast.kernels import BLOCK

Array = NDArray[np.float64]

# One pair for each kernel: both projections, both geocentric ways, the grid with holes, Helmert's shift.
PAIRS = [
    ("EPSG:2154+5720", "EPSG:4978"),
    ("EPSG:4978", "EPSG:2154+5720"),
    ("EPSG:2154+5721", "EPSG:4978"),
    ("EPSG:2975+5758", "EPSG:4978"),
    ("EPSG:4978", "EPSG:2975+5758"),
    ("EPSG:4326", "EPSG:3946"),
]
BOXES = {  # longitudes and latitudes where the whole box is inside, and has grid values
    "EPSG:2154+5720": (0.0, 45.0, 4.0, 48.0),
    "EPSG:2154+5721": (8.9, 41.7, 9.3, 42.5),
    "EPSG:2975+5758": (55.35, -21.3, 55.7, -20.95),
    "EPSG:3946": (0.0, 45.4, 6.0, 46.6),
}


def inside_points(source: str, target: str, n: int) -> Array:
    """Points of the source inside the box of the pair."""
    plane = source if source in BOXES else target
    west, south, east, north = BOXES[plane]
    rng = np.random.default_rng(21)
    lonlat = np.column_stack((rng.uniform(west, east, n), rng.uniform(south, north, n)))
    if source == "EPSG:4326":
        return lonlat
    flat = transformation("EPSG:4326", plane.split("+")[0]).apply(lonlat)
    normal = np.column_stack((flat, rng.uniform(-20.0, 2_000.0, n)))
    return normal if source == plane else transformation(plane, source).apply(normal)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_point_has_the_same_bytes_alone_in_a_part_and_in_any_order(source: str, target: str, grids: Path) -> None:
    chosen = transformation(source, target)
    assert chosen.engine == "compiled"
    points = inside_points(source, target, 3 * BLOCK + 7)
    whole = chosen.apply(points)
    for n in (1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1):
        assert chosen.apply(points[:n]).tobytes() == whole[:n].tobytes()
    for i in (0, 1, BLOCK - 1, BLOCK, len(points) - 1):
        assert chosen.apply(points[i : i + 1]).tobytes() == whole[i : i + 1].tobytes()
    order = np.random.default_rng(22).permutation(len(points))
    assert chosen.apply(points[order]).tobytes() == whole[order].tobytes()
    assert chosen.apply(points[5:]).tobytes() == whole[5:].tobytes()
    assert chosen.apply(points[:0]).shape == (0, whole.shape[1])


@given(
    first=st.integers(0, 2 * BLOCK),
    step=st.integers(1, 5),
    layout=st.sampled_from(["C", "F", "strided", "reversed", "read-only", "unaligned"]),
)
@settings(max_examples=40)
def test_any_memory_gives_the_same_bytes(first: int, step: int, layout: str) -> None:
    chosen = transformation("EPSG:2154", "EPSG:4326")
    wide = np.random.default_rng(23).uniform([7e5, 6.5e6], [8e5, 6.7e6], (3 * BLOCK, 2))
    plain = np.ascontiguousarray(wide[first::step])
    expected = chosen.apply(plain)
    given_points = plain.copy()
    if layout == "F":
        given_points = np.asfortranarray(plain)
    elif layout == "strided":
        given_points = wide[first::step]
    elif layout == "reversed":
        given_points, expected = plain[::-1], expected[::-1]
    elif layout == "read-only":
        given_points.flags.writeable = False
    elif layout == "unaligned":
        raw = np.zeros(plain.nbytes + 1, dtype=np.uint8)
        given_points = raw[1:].view(np.float64).reshape(plain.shape)
        given_points[:] = plain
    before = given_points.tobytes()
    assert chosen.apply(given_points).tobytes() == expected.tobytes()
    assert given_points.tobytes() == before


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32, np.uint32, np.float16, np.longdouble])
def test_other_numbers_are_those_of_float64(dtype: type) -> None:
    chosen = transformation("EPSG:4326", "EPSG:2154")
    degrees = np.array([[2, 47], [3, 48], [4, 46], [1, 45]], dtype=dtype)
    assert chosen.apply(degrees).tobytes() == chosen.apply(degrees.astype(np.float64)).tobytes()
    assert chosen.apply(degrees.tolist()).tobytes() == chosen.apply(degrees.astype(np.float64)).tobytes()


def test_the_input_is_never_the_output() -> None:
    points = np.array([[700_000.0, 6_600_000.0, 1.5]])
    before = points.tobytes()
    got = transformation("EPSG:2154", "EPSG:3946").apply(points)
    assert points.tobytes() == before
    assert not np.shares_memory(got, points)


def test_a_third_column_that_does_not_move_comes_out_bit_for_bit(grids: Path) -> None:
    heights = np.array([-0.0, 5e-324, 0.1 + 0.2, -9_998.5, 11_950.0, 99_999.0])
    points = np.column_stack((np.full(6, 700_000.0), np.full(6, 6_600_000.0), heights))
    for target in ("EPSG:3946+5720", "EPSG:9794+5720"):  # the second goes through geocentric coordinates at height zero
        chosen = transformation("EPSG:2154+5720", target)
        assert chosen.engine == "compiled"
        assert chosen.apply(points)[:, 2].tobytes() == heights.tobytes()


PROGRAM = """
import hashlib, sys
import numpy as np
from jnt_pipeline.crs import transformation
points = np.load(sys.argv[1])
for pair in [p.split() for p in sys.argv[2:]]:
    chosen = transformation(*pair)
    assert chosen.engine == "compiled", chosen.engine_reason
    print(hashlib.sha256(chosen.apply(points[" ".join(pair)]).tobytes()).hexdigest())
"""


def test_a_processor_without_vectors_or_fused_operations_gives_the_same_bytes(grids: Path, tmp_path: Path) -> None:
    """Machine code for the oldest 64-bit processor, compiled anew by another process, against this one's."""
    inputs = {" ".join(pair): inside_points(*pair, 20_000) for pair in PAIRS}
    np.savez(tmp_path / "points.npz", **inputs)
    here = [hashlib.sha256(transformation(*p.split()).apply(x).tobytes()).hexdigest() for p, x in inputs.items()]
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "points.npz"), *inputs],
        capture_output=True, text=True, env=environment, timeout=300, check=True,
    )  # fmt: skip
    assert run.stdout.split() == here


def test_the_room_needed_is_that_of_the_result_and_little_more(grids: Path) -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4978")
    points = inside_points("EPSG:2154+5720", "EPSG:4978", 400_000)
    chosen.apply(points[:10])
    for given_points in (points, np.asfortranarray(points), points.astype(np.float32)):
        tracemalloc.start()
        result = chosen.apply(given_points)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # One byte a point for its state; a copy of 65,536 rows where the input is not plain; scratch and odds.
        assert peak <= result.nbytes + len(points) + 65_536 * 24 + 200_000


def test_points_scattered_over_the_country_need_little_more_room(grids: Path) -> None:
    """Points near the outline are tested exactly: they are few."""
    chosen = transformation("EPSG:2154", "EPSG:4326")
    points = rectangle_of(chosen, 400_000, seed=24)
    tracemalloc.start()
    result = chosen.apply(points)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= result.nbytes * 1.5 + len(points) * 3


def test_numba_is_not_loaded_before_a_transformation_is_applied() -> None:
    code = (
        "import sys, jnt_pipeline, jnt_pipeline.cli\n"
        "from jnt_pipeline.crs import transformation\n"
        "transformation('EPSG:2154', 'EPSG:4326')\n"
        "print([name for name in ('numba', 'llvmlite', 'rasterio') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.strip() == "[]"
