"""A small writer of binary glTF 2.0: one mesh of features, with the table of their properties."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FeatureMesh", "Property", "glb"]

_FLOAT, _UNSIGNED_INT = 5126, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_ALIGNMENT = 8
# EXT_structural_metadata: a view starts on a multiple of the size of its component; doubles need 8.

NO_NUMBER = -9999.0
"""Written where a number is absent, and declared as ``noData``: below any elevation, height or area on Earth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One column of the property table."""

    name: str
    kind: Literal["text", "number", "integer"]
    description: str
    values: Sequence[str | float | int | None]
    """One per feature; None where absent."""
    semantic: str = ""
    """``ID`` or ``NAME`` (3D Metadata Semantic Reference), where it applies."""
    required: bool = False
    """True: no value is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMesh:
    """Triangles of many features, Z up, metres from the tile's own origin."""

    positions: NDArray[np.float64]
    """Shape (n, 3): east, north, up."""
    normals: NDArray[np.float64]
    """Shape (n, 3): unit vectors."""
    feature: NDArray[np.int64]
    """Shape (n,): row of the property table each vertex belongs to."""
    triangles: NDArray[np.int64]
    """Shape (m, 3): vertex numbers, counter-clockwise seen from outside."""


class _Buffer:
    """The binary chunk, and the views into it."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict[str, Any]] = []

    def add(self, content: bytes, target: int | None = None) -> int:
        self.content.extend(b"\0" * (-len(self.content) % _ALIGNMENT))
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.content), "byteLength": len(content)}
        if target is not None:
            view["target"] = target
        self.content.extend(content)
        self.views.append(view)
        return len(self.views) - 1


def glb(
    mesh: FeatureMesh,
    properties: Sequence[Property],
    *,
    class_name: str,
    colour: tuple[float, float, float],
    copyright_text: str,
    extras: Mapping[str, Any],
) -> bytes:
    """The mesh as binary glTF with ``EXT_mesh_features`` and ``EXT_structural_metadata``.

    Positions are written as float32 with Y up (east, up, minus north), as glTF wants and 3D Tiles turns back.
    ``extras`` go into ``asset.extras``. At least one triangle and one property.

    Source: glTF 2.0 (ISO/IEC 12113), EXT_mesh_features and EXT_structural_metadata (3D Tiles 1.1, OGC 22-025r4).
    """
    buffer = _Buffer()
    y_up = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=np.float64)
    positions = np.ascontiguousarray(mesh.positions @ y_up, dtype="<f4")
    normals = np.ascontiguousarray(mesh.normals @ y_up, dtype="<f4")
    normals[normals == 0] = 0.0  # no negative zero: same bytes whatever the order of operations
    n = len(positions)
    accessors: list[dict[str, Any]] = [
        {
            "bufferView": buffer.add(positions.tobytes(), _ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": n,
            "type": "VEC3",
            "min": positions.min(axis=0).tolist(),
            "max": positions.max(axis=0).tolist(),
        },
        {
            "bufferView": buffer.add(normals.tobytes(), _ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": n,
            "type": "VEC3",
        },
        {
            # Float, since attributes may not be 32-bit integers; exact up to 16,777,216 features.
            "bufferView": buffer.add(mesh.feature.astype("<f4").tobytes(), _ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": n,
            "type": "SCALAR",
        },
        {
            "bufferView": buffer.add(mesh.triangles.astype("<u4").tobytes(), _ELEMENT_ARRAY_BUFFER),
            "componentType": _UNSIGNED_INT,
            "count": mesh.triangles.size,
            "type": "SCALAR",
        },
    ]
    n_features = len(properties[0].values)
    primitive = {
        "attributes": {"POSITION": 0, "NORMAL": 1, "_FEATURE_ID_0": 2},
        "indices": 3,
        "material": 0,
        "mode": 4,
        "extensions": {
            "EXT_mesh_features": {
                "featureIds": [{"featureCount": n_features, "attribute": 0, "propertyTable": 0, "label": class_name}]
            }
        },
    }
    metadata = _structural_metadata(properties, class_name, buffer)
    document = {
        "asset": {"version": "2.0", "generator": "jnt_pipeline", "copyright": copyright_text, "extras": dict(extras)},
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"],
        "extensions": {"EXT_structural_metadata": metadata},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [
            {
                "name": class_name,
                "pbrMetallicRoughness": {
                    "baseColorFactor": [*colour, 1.0],
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.9,
                },
            }
        ],
        "accessors": accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.content)}],
    }
    return _container(document, bytes(buffer.content))


def _structural_metadata(properties: Sequence[Property], class_name: str, buffer: _Buffer) -> dict[str, Any]:
    """Schema and property table; a property absent from every feature is declared and has no column."""
    declared: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for item in properties:
        definition: dict[str, Any] = {"name": item.name, "description": item.description}
        match item.kind:
            case "text":
                definition |= {"type": "STRING"} | ({} if item.required else {"noData": ""})
            case "number":
                definition |= {"type": "SCALAR", "componentType": "FLOAT64", "noData": NO_NUMBER}
            case "integer":
                definition |= {"type": "SCALAR", "componentType": "INT32", "noData": int(NO_NUMBER)}
        if item.semantic:
            definition["semantic"] = item.semantic
        if item.required:
            definition["required"] = True
        declared[item.name] = definition
        if any(value is not None and value != "" for value in item.values):
            columns[item.name] = _column(item, buffer)
    return {
        "schema": {"id": "jnt_pipeline", "version": "1", "classes": {class_name: {"properties": declared}}},
        "propertyTables": [
            {"name": class_name, "class": class_name, "count": len(properties[0].values), "properties": columns}
        ],
    }


def _column(item: Property, buffer: _Buffer) -> dict[str, Any]:
    if item.kind == "text":
        texts = [str(value or "").encode() for value in item.values]
        offsets = np.cumsum([0, *(len(text) for text in texts)]).astype("<u4")
        return {
            "values": buffer.add(b"".join(texts)),
            "stringOffsets": buffer.add(offsets.tobytes()),
            "stringOffsetType": "UINT32",
        }
    numbers = [NO_NUMBER if value is None else value for value in item.values]
    kind = "<f8" if item.kind == "number" else "<i4"
    return {"values": buffer.add(np.array(numbers, dtype=kind).tobytes())}


def _container(document: Mapping[str, Any], binary: bytes) -> bytes:
    """GLB: header, JSON chunk, binary chunk whose content starts on a multiple of 8 bytes of the file."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    header, chunk_header = 12, 8
    text += b" " * (-(header + chunk_header + len(text) + chunk_header) % _ALIGNMENT)
    binary += b"\0" * (-len(binary) % 4)
    total = header + chunk_header + len(text) + chunk_header + len(binary)
    return b"".join(
        (
            struct.pack("<4sII", b"glTF", 2, total),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(binary), b"BIN\0"),
            binary,
        )
    )
