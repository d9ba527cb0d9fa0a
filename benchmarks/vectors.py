"""A million parcels into checked GeoParquet: this package against GDAL, in whole processes that take turns.

    python benchmarks/vectors.py [--parcels 1000000] [--rounds 3] [--folder FOLDER]

(a) GeoPackage in degrees to Lambert-93: columns judged, duplicates found, validity proved, areas added, GeoParquet
with boxes; against ``GDALVectorTranslate`` of the libgdal that pyogrio brings, and ``ogr2ogr`` where there is one,
which both write a GeoPackage and check nothing. (b) GeoJSON (gzip) to the same, against pyogrio that only reads it, as
a frame and as Arrow. Every process finds its bytecode and machine code compiled, as the second run of any
does. Prints CPU seconds (user and system) of each whole process, imports included, least of the rounds, and its peak
memory; and the peak for a quarter and twice as many parcels, which must not grow with them.
"""

from __future__ import annotations

import argparse
import ctypes
import gzip
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # where it is used only: a peer that needs no library must not pay for loading it

CORNERS = 10
U = ((0, 0), (0.5, 0), (0.9, 0), (0.9, 0.9), (0.6, 0.9), (0.6, 0.3), (0.3, 0.3), (0.3, 0.9), (0, 0.9), (0, 0.5))
COLUMNS = ("id", "commune", "prefixe", "section", "numero", "contenance", "created")


def parcels(n: int) -> pa.Table:
    """Parcels of ten corners in a lattice over the middle of France, degrees; the same for the same n.

    Two in three are stars, as among the parcels of real sheets; the third is a U, of which no point sees all.
    """
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(7)
    side = int(np.ceil(n**0.5))
    place = np.arange(n)
    step = 3.0 / side, 2.0 / side
    x, y = 1.0 + (place % side + 0.5) * step[0], 46.0 + (place // side + 0.5) * step[1]
    turn = (np.arange(CORNERS) + rng.uniform(0.1, 0.9, (n, CORNERS))) * (2 * np.pi / CORNERS)
    reach = rng.uniform(0.25, 0.5, (n, CORNERS))
    ring = np.empty((n, CORNERS + 1, 2))
    ring[:, :CORNERS, 0] = x[:, None] + reach * step[0] * np.cos(turn)
    ring[:, :CORNERS, 1] = y[:, None] + reach * step[1] * np.sin(turn)
    third = place % 3 == 0
    corners = np.array(U) + rng.uniform(-0.02, 0.02, (int(third.sum()), CORNERS, 2))
    ring[third, :CORNERS] = np.column_stack((x, y))[third, None] + (corners - 0.5) * step
    ring[:, CORNERS] = ring[:, 0]
    ring = ring.round(7)
    size = 13 + 16 * (CORNERS + 1)
    content = np.empty((n, size), np.uint8)
    content[:, :13] = np.frombuffer(b"\x01" + struct.pack("<III", 3, 1, CORNERS + 1), np.uint8)
    content[:, 13:] = ring.view(np.uint8).reshape(n, -1)
    starts = np.arange(n + 1, dtype=np.int32) * size
    geometry = pa.Array.from_buffers(pa.binary(), n, [None, pa.py_buffer(starts), pa.py_buffer(content)])
    ids = [f"{1000 + number // 10_000:05d}000AB{number % 10_000:04d}" for number in range(n)]
    texts = {
        "id": ids,
        "commune": [one[:5] for one in ids],
        "prefixe": ["000"] * n,
        "section": ["AB"] * n,
        "numero": [str(number % 10_000) for number in range(n)],
        "contenance": rng.integers(50, 20_000, n),
        "created": ["2012-03-01"] * n,
    }
    return pa.table({**texts, "geometry": geometry})


def make(folder: Path, n: int, *, with_json: bool) -> None:
    """Write the parcels as a GeoPackage, and as GeoJSON like Etalab's, one feature a line."""
    import numpy as np
    from pyogrio.raw import write_arrow

    package, lines = folder / f"{n}.gpkg", folder / f"{n}.geojson.gz"
    if not package.exists():
        table = parcels(n)
        write_arrow(
            table,
            package,
            driver="GPKG",
            geometry_name="geometry",
            geometry_type="Polygon",
            crs="EPSG:4326",
            layer="parcelles",
        )
    if with_json and not lines.exists():
        table = parcels(n)
        geometry = np.frombuffer(table["geometry"].combine_chunks().buffers()[2], np.uint8).reshape(n, -1)
        rings = np.ascontiguousarray(geometry[:, 13:]).view(np.float64).reshape(n, CORNERS + 1, 2).tolist()
        rows = table.drop_columns(["geometry"]).to_pylist()
        with gzip.open(lines, "wt", compresslevel=1, encoding="utf-8") as file:
            file.write('{"type":"FeatureCollection","features":[\n')
            for i, (row, ring) in enumerate(zip(rows, rings, strict=True)):
                properties = ",".join(
                    f'"{name}":{value}' if isinstance(value, int) else f'"{name}":"{value}"'
                    for name, value in row.items()
                )
                positions = ",".join(f"[{x!r},{y!r}]" for x, y in ring)
                end = ",\n" if i + 1 < n else "\n"
                file.write(
                    f'{{"type":"Feature","id":"{row["id"]}","geometry":{{"type":"Polygon","coordinates":[[{positions}]]}},'
                    f'"properties":{{{properties}}}}}{end}'
                )
            file.write("]}\n")


def schema() -> Any:
    """What the base layer promises: key and pattern as parcels have."""
    from jnt_pipeline.base_layers.columns import Column, LayerSchema

    texts = (Column(name, "text", name) for name in COLUMNS[1:5])
    return LayerSchema(
        name="parcels",
        title="Parcels",
        key="parcel_id",
        shape="polygon",
        columns=(
            Column("parcel_id", "text", "Key.", required=True, pattern=r"(\d{2}|2[AB])\d{3}\d{3}[0-9A-Z]{2}\d{4}"),
            *texts,
            Column("registered_area_m2", "integer", "Register."),
            Column("created_on", "text", "Date."),
            Column("area_m2", "number", "Area."),
        ),
    )


def mapped(batch: pa.RecordBatch, first_record: int) -> tuple[pa.RecordBatch, tuple[()]]:
    """Columns of the file under the names of the schema."""
    import pyarrow as pa

    del first_record
    names = ["parcel_id", *COLUMNS[1:5], "registered_area_m2", "created_on", "geometry"]
    return pa.RecordBatch.from_arrays([batch[name] for name in (*COLUMNS, "geometry")], names), ()


def run_jnt(source: Path, target: Path) -> None:
    from jnt_pipeline.__main__ import settle

    settle()  # as the command ``jnt`` does
    import pyarrow as pa

    from jnt_pipeline.base_layers.streams import normalise_stream
    from jnt_pipeline.crs.reference import Reference
    from jnt_pipeline.provenance import Provenance
    from jnt_pipeline.sources.vector_files import open_features, stream

    types = {"contenance": pa.int64()}
    features = open_features(source, columns=pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS]))
    reference = features.reference
    assert reference is not None
    origin = Provenance(producer="benchmark", licence="none")
    layer = normalise_stream(
        stream(features, schema(), mapped, reference, origin), Reference(horizontal="EPSG:2154"), path=target
    )
    assert layer.counts.kept == layer.counts.read, layer.counts


def run_gdal(source: Path, target: Path) -> None:
    """``ogr2ogr -t_srs EPSG:2154`` by the library that pyogrio brings, without Python's GDAL."""
    from importlib.util import find_spec

    home = Path(str(find_spec("pyogrio").origin)).parent  # type: ignore[union-attr]
    library = next((home.parent / "pyogrio.libs").glob("libgdal*"))
    os.environ |= {"GDAL_DATA": str(home / "gdal_data"), "PROJ_DATA": str(home / "proj_data")}
    gdal = ctypes.CDLL(str(library))
    gdal.GDALOpenEx.restype = gdal.GDALVectorTranslateOptionsNew.restype = ctypes.c_void_p
    gdal.GDALVectorTranslate.restype = ctypes.c_void_p
    gdal.GDALOpenEx.argtypes = [ctypes.c_char_p, ctypes.c_uint, *[ctypes.c_void_p] * 3]
    gdal.GDALVectorTranslateOptionsNew.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    gdal.GDALVectorTranslate.argtypes = [
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    gdal.GDALClose.argtypes = [ctypes.c_void_p]
    gdal.GDALAllRegister()
    opened = gdal.GDALOpenEx(str(source).encode(), 0x04, None, None, None)
    words = (ctypes.c_char_p * 5)(b"-t_srs", b"EPSG:2154", b"-f", b"GPKG", None)
    options = gdal.GDALVectorTranslateOptionsNew(words, None)
    made = gdal.GDALVectorTranslate(str(target).encode(), None, 1, (ctypes.c_void_p * 1)(opened), options, None)
    assert made, "GDAL wrote nothing"
    gdal.GDALClose(made)
    gdal.GDALClose(opened)


def run_pyogrio_frame(source: Path, target: Path) -> None:
    import pyogrio

    del target
    pyogrio.read_dataframe(f"/vsigzip/{source}")


def run_pyogrio_arrow(source: Path, target: Path) -> None:
    import pyogrio

    del target
    with pyogrio.open_arrow(f"/vsigzip/{source}", use_pyarrow=True) as (_, reader):
        for _ in reader:
            pass


ROUTES = {
    "jnt": run_jnt,
    "gdal": run_gdal,
    "pyogrio-frame": run_pyogrio_frame,
    "pyogrio-arrow": run_pyogrio_arrow,
}


def measure(route: str, source: Path, folder: Path) -> tuple[float, float]:
    """CPU seconds and peak MiB of one whole process."""
    target = folder / ("out.parquet" if route == "jnt" else "out.gpkg")
    target.unlink(missing_ok=True)
    if route == "ogr2ogr":
        command = ["ogr2ogr", "-t_srs", "EPSG:2154", "-f", "GPKG", str(target), str(source)]
    else:
        command = [sys.executable, __file__, "--route", route, "--source", str(source), "--target", str(target)]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    child = os.posix_spawnp(command[0], command, environment)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, f"{route} failed"
    target.unlink(missing_ok=True)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def made(folder: Path, n: int, *, with_json: bool) -> None:
    """Make the files in a process of their own: the peak of a child counts what its parent held."""
    command = [sys.executable, __file__, "--make", str(n), *(["--json"] if with_json else []), "--folder", str(folder)]
    subprocess.run(command, check=True)


def compare(title: str, routes: tuple[str, ...], source: Path, folder: Path, rounds: int) -> None:
    """Let the routes take turns, and print the least CPU time of each and its ratio."""
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for route in routes:
            cpu, peak = measure(route, source, folder)
            known = best.get(route, (inf, 0.0))
            best[route] = min(known[0], cpu), max(known[1], peak)
    print(title)
    own = best["jnt"][0]
    for route, (cpu, peak) in best.items():
        ratio = "" if route == "jnt" else f"  {cpu / own:4.1f}× the CPU time of jnt"
        print(f"  {route:14} {cpu:7.2f} CPU-s  peak {peak:6.0f} MiB{ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the files made here, for another run")
    parser.add_argument("--only", choices=["a", "b", "memory"])
    for hidden in ("--route", "--source", "--target"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.folder, arguments.make, with_json=arguments.json)
        return
    if arguments.route:
        ROUTES[arguments.route](Path(arguments.source), Path(arguments.target))
        return
    n = arguments.parcels
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made(folder, 1_000, with_json=True)
        for suffix in ("gpkg", "geojson.gz"):
            measure("jnt", folder / f"1000.{suffix}", folder)  # compiles, or loads what is compiled
        made(folder, n, with_json=arguments.only in {None, "b"})
        if arguments.only in {None, "a"}:
            routes = ("jnt", "gdal", *(["ogr2ogr"] if shutil.which("ogr2ogr") else []))
            compare(f"(a) {n:,} parcels, GeoPackage", routes, folder / f"{n}.gpkg", folder, arguments.rounds)
        if arguments.only in {None, "b"}:
            routes = ("jnt", "pyogrio-arrow", "pyogrio-frame")
            compare(f"(b) {n:,} parcels, GeoJSON (gzip)", routes, folder / f"{n}.geojson.gz", folder, arguments.rounds)
        if arguments.only in {None, "memory"}:
            for size in (n // 4, n, 2 * n):
                made(folder, size, with_json=False)
                cpu, peak = measure("jnt", folder / f"{size}.gpkg", folder)
                print(f"  jnt {size:>9,} parcels {cpu:7.2f} CPU-s  peak {peak:6.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
