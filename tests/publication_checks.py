"""Readers and validators of publications that share no code with the exporters.

Formats are decoded here from their specifications; official validators are driven where one can be installed.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent


SCHEMAS = Path(__file__).parent / "publication" / "schemas"
OFFICIAL_SCHEMAS = "JNT_OFFICIAL_SCHEMAS"
"""Environment variable: folder of official schemas that no package ships (cityjson/cityjson.min.schema.json)."""


def schema_of(name: str) -> dict[str, Any]:
    """One JSON Schema of ``tests/publication/schemas``, written for these tests from the text of a standard."""
    schema: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return schema


def official_schema(name: str) -> dict[str, Any]:
    """An official JSON Schema from ``JNT_OFFICIAL_SCHEMAS`` or ``../shared/schemas``; skips aloud without it."""
    for folder in (os.environ.get(OFFICIAL_SCHEMAS), ROOT.parent / "shared" / "schemas"):
        if folder and (Path(folder) / name).is_file():
            schema: dict[str, Any] = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
            return schema
    pytest.skip(f"needs the official schema {name}, which no package ships: name its folder in {OFFICIAL_SCHEMAS}")


# --- glTF and 3D Tiles -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Glb:
    document: dict[str, Any]
    binary: bytes
    binary_offset: int

    def view(self, index: int) -> bytes:
        view = self.document["bufferViews"][index]
        return self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.document["accessors"][index]
        kind = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
        values = np.frombuffer(self.view(accessor["bufferView"]), dtype=kind, count=accessor["count"] * width)
        return values if width == 1 else values.reshape(-1, width)

    @property
    def primitive(self) -> dict[str, Any]:
        return self.document["meshes"][0]["primitives"][0]

    def z_up(self, attribute: str) -> np.ndarray:
        """Vectors of the primitive after the turn from Y up to Z up that 3D Tiles prescribes: (x, -z, y)."""
        x, y, z = self.accessor(self.primitive["attributes"][attribute]).astype(np.float64).T
        return np.column_stack([x, -z, y])

    def property_table(self) -> dict[str, list[Any]]:
        """Columns of the first property table; absent values (``noData``, or no column) are None."""
        metadata = self.document["extensions"]["EXT_structural_metadata"]
        (table,) = metadata["propertyTables"]
        declared = metadata["schema"]["classes"][table["class"]]["properties"]
        columns: dict[str, list[Any]] = {}
        for name, definition in declared.items():
            values: list[Any] = [None] * table["count"]
            if name in table["properties"]:
                values = self._column(table["properties"][name], definition, table["count"])
            columns[name] = [None if "noData" in definition and v == definition["noData"] else v for v in values]
        return columns

    def _column(self, column: dict[str, Any], definition: dict[str, Any], count: int) -> list[Any]:
        content = self.view(column["values"])
        if definition["type"] == "STRING":
            assert column.get("stringOffsetType", "UINT32") == "UINT32"
            offsets = np.frombuffer(self.view(column["stringOffsets"]), dtype="<u4").tolist()
            assert len(offsets) == count + 1
            assert offsets[0] == 0
            assert offsets[-1] == len(content)
            return [content[a:b].decode() for a, b in itertools.pairwise(offsets)]
        kind = {"FLOAT64": "<f8", "INT32": "<i4"}[definition["componentType"]]
        view = self.document["bufferViews"][column["values"]]
        assert (self.binary_offset + view["byteOffset"]) % np.dtype(kind).itemsize == 0, "misaligned"
        assert len(content) == count * np.dtype(kind).itemsize
        return np.frombuffer(content, dtype=kind).tolist()


def read_glb(path: Path) -> Glb:
    """Binary glTF: a JSON chunk, then a binary chunk (glTF 2.0, section 4.4)."""
    content = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content, 0)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    json_length, json_kind = struct.unpack_from("<I4s", content, 12)
    assert json_kind == b"JSON"
    binary_start = 12 + 8 + json_length
    binary_length, binary_kind = struct.unpack_from("<I4s", content, binary_start)
    assert binary_kind == b"BIN\0"
    assert binary_start + 8 + binary_length == len(content)
    document = json.loads(content[20 : 20 + json_length])
    (buffer,) = document["buffers"]
    binary = content[binary_start + 8 : binary_start + 8 + buffer["byteLength"]]
    return Glb(document, binary, binary_start + 8)


def khronos_issues(paths: list[Path]) -> list[dict[str, Any]]:
    """What the Khronos glTF validator finds, the two metadata extensions that it does not know left out."""
    if not (TESTS / "tools" / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("needs the Khronos glTF validator: npm ci --prefix tests/tools")
    command = ["node", str(TESTS / "tools" / "validate-gltf.js"), *map(str, paths)]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    reports = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [Path(report["path"]) for report in reports] == paths
    found = []
    for report in reports:
        metadata_views = {
            f"/bufferViews/{i}"
            for i, view in enumerate(json.loads(_json_chunk(Path(report["path"])))["bufferViews"])
            if "target" not in view  # views of the property table: used by the extension, which it does not see
        }
        found += [
            message
            for message in report["issues"]["messages"]
            if not (
                message["code"] == "UNSUPPORTED_EXTENSION"
                or (message["code"] == "UNUSED_OBJECT" and message["pointer"] in metadata_views)
            )
        ]
    return found


def _json_chunk(path: Path) -> bytes:
    content = path.read_bytes()
    return content[20 : 20 + struct.unpack_from("<I", content, 12)[0]]


@dataclass(frozen=True)
class Tile:
    document: dict[str, Any]
    to_geocentric: np.ndarray
    """4 x 4, from the frame of the tile."""
    depth: int
    parent: dict[str, Any] | None

    def geocentric(self, local: np.ndarray) -> np.ndarray:
        return local @ self.to_geocentric[:3, :3].T + self.to_geocentric[:3, 3]

    def box_corners(self) -> np.ndarray:
        box = np.array(self.document["boundingVolume"]["box"])
        axes = box[3:].reshape(3, 3)
        signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
        return self.geocentric(box[:3] + signs @ axes)

    def contains(self, geocentric: np.ndarray, margin_m: float) -> bool:
        """Whether the box holds the points, on axes of full length."""
        inverse = np.linalg.inv(self.to_geocentric)
        local = geocentric @ inverse[:3, :3].T + inverse[:3, 3]
        box = np.array(self.document["boundingVolume"]["box"])
        half = np.linalg.norm(box[3:].reshape(3, 3), axis=1)
        units = box[3:].reshape(3, 3) / half[:, None]
        return bool((np.abs((local - box[:3]) @ units.T) <= half + margin_m).all())


def tiles_of(tileset: Path) -> Iterator[Tile]:
    """All tiles of a tileset, parents first, with the product of their transforms."""

    def walk(document: dict[str, Any], parent: Tile | None) -> Iterator[Tile]:
        own = np.array(document.get("transform", np.eye(4).ravel())).reshape(4, 4).T
        above = np.eye(4) if parent is None else parent.to_geocentric
        depth = 0 if parent is None else parent.depth + 1
        tile = Tile(document, above @ own, depth, None if parent is None else parent.document)
        yield tile
        for child in document.get("children", []):
            yield from walk(child, tile)

    yield from walk(json.loads(tileset.read_text(encoding="utf-8"))["root"], None)


def check_tileset(folder: Path) -> str:
    """Rules of 3D Tiles 1.1 that matter here, and of its content; returns the CRS it states."""
    document = json.loads((folder / "tileset.json").read_text(encoding="utf-8"))
    assert document["asset"]["version"] == "1.1"
    contents = []
    for tile in tiles_of(folder / "tileset.json"):
        error = tile.document["geometricError"]
        above = document["geometricError"] if tile.parent is None else tile.parent["geometricError"]
        assert 0 <= error <= above
        assert tile.parent is None or error < above, "errors decrease from parent to child"
        assert len(tile.document["boundingVolume"]["box"]) == 12
        rotation = tile.to_geocentric[:3, :3]
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9), "frames are rotations"
        if "content" in tile.document:
            contents.append(folder / tile.document["content"]["uri"])
    assert khronos_issues(contents) == [] if contents else True
    for path in contents:
        read_glb(path).property_table()
    return str(document["asset"]["extras"]["tileset_crs"])


# --- CityJSON ----------------------------------------------------------------------------------------------


def cityjson_shells(document: dict[str, Any]) -> Iterator[tuple[str, np.ndarray, list[list[list[int]]]]]:
    """Object id, quantised vertices (n, 3) and faces (rings of numbers) of every solid's outer shell."""
    vertices = np.array(document["vertices"])
    for object_id, city_object in document["CityObjects"].items():
        for geometry in city_object.get("geometry", []):
            assert geometry["type"] == "Solid"
            (shell,) = geometry["boundaries"]
            yield object_id, vertices, shell


def check_cityjson(path: Path) -> str:
    """CityJSON 2.0: an independent strict reader, closed planar solids; returns the reference it states."""
    cityjson_lib = pytest.importorskip("cityjson_lib", reason="needs cityjson-lib, an independent reader")
    content = path.read_bytes()
    document = json.loads(content)
    summary = cityjson_lib.CityModel.parse_document_bytes(content).summary()
    assert summary.cityobject_count == len(document["CityObjects"])
    assert document["type"] == "CityJSON"
    assert document["version"] == "2.0"
    assert all(isinstance(value, int) for vertex in document["vertices"] for value in vertex)
    assert len({tuple(vertex) for vertex in document["vertices"]}) == len(document["vertices"])
    used: set[int] = set()
    lods = [g["lod"] for thing in document["CityObjects"].values() for g in thing.get("geometry", [])]
    for (object_id, vertices, shell), lod in zip(cityjson_shells(document), lods, strict=True):
        # Sloping faces stand on a grid of 1 mm: planar within the tolerance of val3dity, 10 mm.
        assert_closed_and_planar(object_id, vertices, shell, planarity=0 if lod == "1" else 10)
        used |= {i for face in shell for ring in face for i in ring}
    assert used == set(range(len(document["vertices"]))), "no vertex without a face"
    for object_id, city_object in document["CityObjects"].items():
        for child in city_object.get("children", []):
            assert document["CityObjects"][child]["parents"] == [object_id]
        for geometry in city_object.get("geometry", []):
            (values,) = geometry["semantics"]["values"]
            assert len(values) == len(geometry["boundaries"][0])
            assert max(values) < len(geometry["semantics"]["surfaces"])
    return str(document["metadata"]["referenceSystem"])


def assert_closed_and_planar(
    name: str, vertices: np.ndarray, shell: list[list[list[int]]], *, planarity: int = 0
) -> None:
    """Every edge runs once each way, and the corners of each face lie in one plane: exactly, or within millimetres."""
    edges = Counter((a, b) for face in shell for ring in face for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
    assert all(count == 1 and edges[b, a] == 1 for (a, b), count in edges.items()), name
    for face in shell:
        if planarity:
            outer = vertices[face[0]].astype(float) - vertices[face[0][0]]
            normal = np.cross(outer, np.roll(outer, -1, axis=0)).sum(axis=0)
            corners = vertices[[i for ring in face for i in ring]] - vertices[face[0][0]]
            assert np.ptp(corners @ (normal / np.linalg.norm(normal))) <= planarity, name
            continue
        corners = np.array([vertices[i] for ring in face for i in ring], dtype=object)
        a = corners[1] - corners[0]
        for third in corners[2:]:
            normal = _cross(a, third - corners[0])
            if any(normal):
                assert all(sum(normal * (corner - corners[0])) == 0 for corner in corners), name
                break


def _cross(a: Any, b: Any) -> Any:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], dtype=object)


def volume_of_shell(vertices: np.ndarray, shell: list[list[list[int]]]) -> float:
    """Volume enclosed, in cubed units of the vertices (divergence theorem over ring fans; holes count negative)."""
    total = 0.0
    origin = vertices[shell[0][0][0]].astype(float)
    for face in shell:
        for ring in face:
            fan = vertices[ring].astype(float) - origin
            total += float(np.sum(np.cross(fan[1:-1], fan[2:]) @ fan[0]))
    return total / 6


# --- GeoParquet, COG, STAC ---------------------------------------------------------------------------------


def check_geoparquet(folder: Path) -> str:
    """The OGC abstract tests of GeoParquet on every file with features; returns the CRS that they state."""
    import pyarrow.parquet as pq

    validator = pytest.importorskip("geoparquet_validator", reason="needs geoparquet-validator")
    codes = set()
    for path in sorted(folder.rglob("*.parquet")):
        metadata = pq.read_metadata(path).metadata
        origin = json.loads(metadata[b"jnt"])
        if b"geo" not in metadata:
            assert origin["horizontal_crs"] is None or path.parent.name == "rejected"
            continue
        report = validator.check(str(path))
        assert validator.failed(report) == [], report
        geo = json.loads(metadata[b"geo"])
        assert geo["version"] == "1.1.0"
        identity = geo["columns"][geo["primary_column"]]["crs"]["id"]
        assert f"{identity['authority']}:{identity['code']}" == origin["horizontal_crs"]
        codes.add(origin["horizontal_crs"])
    (code,) = codes
    return str(code)


def check_cogs(folder: Path) -> str:
    """The validator of rio-cogeo, internal tiles even on small rasters; returns the CRS that elevations state.

    Heights above the ground state its horizontal part alone.
    """
    import pyproj
    import rasterio
    from rio_cogeo.cogeo import cog_validate

    codes = set()
    for path in sorted(folder.glob("*.tif")):
        assert cog_validate(path, quiet=True) == (True, [], [])
        with rasterio.open(path) as dataset:
            assert dataset.block_shapes == [(512, 512)]
            assert dataset.nodata is not None
            crs = pyproj.CRS(dataset.crs.to_wkt())
            assert crs.is_compound == (path.stem in {"dtm", "dsm"})  # all else counts from no datum
            if crs.is_compound:
                codes.add(f"EPSG:{dataset.crs.to_epsg()}")
    (code,) = codes
    return code


def check_stac(folder: Path) -> str:
    """pystac's validation with its bundled core schemas and ours of the extensions; returns the items' code."""
    import pystac
    from pystac.validation import RegisteredValidator
    from pystac.validation.stac_validator import JsonSchemaSTACValidator

    validator = JsonSchemaSTACValidator()
    for name in ("file", "projection"):
        schema = schema_of(f"stac_{name}.json")
        validator.schema_cache[schema["$id"].removesuffix("#")] = schema
    RegisteredValidator.set_validator(validator)
    catalogue = pystac.Catalog.from_file(str(folder / "catalog.json"))
    catalogue.validate()
    codes = set()
    for collection in catalogue.get_children():
        collection.validate()
        for item in collection.get_items():
            item.validate()
            codes.add(item.properties["proj:code"])
    return ", ".join(sorted(codes))
