"""The shape of the code: knowledge flows one way, and Prefect stays out of the library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import jnt_pipeline

PACKAGE = Path(jnt_pipeline.__file__).parent

ORDER = (
    "errors",
    "libraries",
    "area",
    "crs",  # its reference is part of provenance's neighbours
    "provenance",
    "base_layers",
    "disk",
    "store",
    "runner",
    "services",
    "sources",
    "territory",
    "publication",
    "hypervisor",
    "samples",
    "twin",
    "config",
    "national_config",
    "stages",
    "pipeline",
    "machine",
    "reports",
    "crs_reports",
    "crs_files",
    "crs_commands",
    "flow_files",
    "cli",
)
"""Lower never imports higher."""

SAME_FLOOR = {("crs", "provenance"), ("crs", "area"), ("area", "crs")}
"""crs records operations, which are part of provenance."""

FORBIDDEN = {
    "base_layers": {"store"},
    "services": {"store", "runner"},
    "sources": {"store", "runner"},
    "territory": {"store", "runner", "sources"},
    "publication": {"store", "runner", "sources", "hypervisor"},
    "hypervisor": {"store", "runner", "sources"},
}


def imports() -> Iterator[tuple[str, str, str]]:
    """(file, part of the package it belongs to, module it imports), imports inside functions included."""
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        part = inside.parts[0].removesuffix(".py")
        if part in {"__init__", "__main__"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.level == 0, f"{inside}: relative import"
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                yield str(inside), part, name


def imported_parts() -> Iterator[tuple[str, str, str]]:
    for file, part, name in imports():
        head, _, rest = name.partition(".")
        if head == "jnt_pipeline" and rest:
            other = rest.split(".")[0]
            if other != part and (PACKAGE / other).exists() | (PACKAGE / f"{other}.py").exists():
                yield file, part, other


def test_every_part_has_its_place_in_the_order() -> None:
    parts = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert parts - {"__init__", "__main__"} == set(ORDER)


def test_knowledge_flows_one_way() -> None:
    rank = {part: number for number, part in enumerate(ORDER)}
    wrong = [
        f"{file} imports {other}"
        for file, part, other in imported_parts()
        if rank[other] > rank[part] and (part, other) not in SAME_FLOOR
    ]
    assert not wrong


def test_pure_packages_know_neither_store_nor_sources() -> None:
    wrong = [f"{file} imports {other}" for file, part, other in imported_parts() if other in FORBIDDEN.get(part, set())]
    assert not wrong


def test_the_library_never_imports_prefect() -> None:
    wrong = [file for file, _, name in imports() if name.split(".")[0].startswith("prefect")]
    assert not wrong


def test_only_crs_transforms_coordinates() -> None:
    """pyproj's Transformer and geopandas' to_crs live in crs/ alone."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] == "crs":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if named in {"to_crs", "Transformer", "TransformerGroup", "transform_geom"}:
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {named}")
    assert not wrong


def test_modules_stay_small() -> None:
    long = {str(path.relative_to(PACKAGE)): n for path in PACKAGE.rglob("*.py") if (n := _lines(path)) > 400}
    # One kernel: numba's cache does not notice a change of a function that lies in another file.
    assert set(long) <= {"territory/delaunay.py"}
    assert all(n < 450 for n in long.values())


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_public_names_are_there() -> None:
    for name in jnt_pipeline.__all__:
        assert getattr(jnt_pipeline, name) is not None
