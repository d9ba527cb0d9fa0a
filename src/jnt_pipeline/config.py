"""TwinConfig: the description of one territory, YAML in, objects out, with errors that name the line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.quality.parameters import QualityParameters
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.hypervisor.rules import ThresholdRule
from jnt_pipeline.publication import (
    AnyExporter,
    CityJsonExporter,
    CogExporter,
    GeoParquetExporter,
    StacExporter,
    Tiles3dExporter,
)
from jnt_pipeline.sources import AnySource
from jnt_pipeline.territory.building_changes import BuildingChangeParameters
from jnt_pipeline.territory.buildings import BuildingParameters
from jnt_pipeline.territory.changes.parameters import ChangeParameters
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.links import LinkParameters
from jnt_pipeline.territory.terrain import TerrainParameters
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters

__all__ = ["TwinConfig", "config_schema", "read_config"]


class TwinConfig(BaseModel):
    """The description of one territorial digital twin (*jumeau numérique de territoire*)."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Territory of jnt_pipeline")

    name: str = Field(
        description="Short name, used in file names: lower-case letters, digits, - and _.",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$",
    )
    title: str = Field(description="Name shown to people.", min_length=1)
    reference: Reference = Field(
        description="Horizontal and vertical reference of the whole twin, e.g. EPSG:2154+5720 (Lambert-93, NGF-IGN69)."
    )
    undulation: DeclaredUndulation | None = Field(
        default=None,
        description="Constant undulation declared for a small territory where no geoid grid is at hand; none: grids.",
    )
    area: AreaOfInterest | None = Field(
        default=None, description="Area of interest (zone d'étude); none: everything the sources hold."
    )
    sources: tuple[AnySource, ...] = Field(description="The base layers (données socles).", min_length=1)
    terrain: TerrainParameters = Field(default=TerrainParameters(), description="How terrain is derived from LiDAR.")
    buildings: BuildingParameters = Field(default=BuildingParameters(), description="How building heights are derived.")
    building_changes: BuildingChangeParameters = Field(
        default=BuildingChangeParameters(),
        description="When a roof without a footprint, or a footprint without a roof, is told.",
    )
    vegetation: VegetationParameters = Field(
        default=VegetationParameters(), description="What counts as a tree in the LiDAR points of vegetation."
    )
    links: LinkParameters = Field(default=LinkParameters(), description="When two things are held to be linked.")
    quality: QualityParameters = Field(
        default=QualityParameters(), description="From where on the quality rules find something."
    )
    identity: IdentityParameters = Field(
        default=IdentityParameters(), description="When records of two registers are held to mean the same thing."
    )
    changes: ChangeParameters = Field(
        default=ChangeParameters(), description="What counts as a change between two editions of a layer."
    )
    rules: tuple[ThresholdRule, ...] = Field(default=(), description="Threshold rules that raise and clear alerts.")
    publication: tuple[AnyExporter, ...] = Field(
        default=(GeoParquetExporter(), CogExporter(), CityJsonExporter(), Tiles3dExporter(), StacExporter()),
        description="The standards the twin is published in.",
    )

    @model_validator(mode="after")
    def _unique(self) -> Self:
        stated: dict[str, list[str]] = {
            "rule_id": [rule.rule_id for rule in self.rules],
            "kind of publication": [exporter.kind for exporter in self.publication],
        }
        for what, names in stated.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} stated twice: {', '.join(twice)}")
        return self


def read_config(path: Path) -> TwinConfig:
    """Read a territory's YAML; relative paths of sources are taken from its folder.

    Raises ``ConfigError``: file, line and field of every mistake, and the known fields when one is misspelt.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the description of the territory cannot be read",
            where=path,
            found=str(error),
            expected="a YAML file in UTF-8",
            remedy="`jnt sample make rive` writes one to start from",
        ) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_duplicate_keys(root, path)
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError("not valid YAML", where=path, found=str(error), remedy="mend the line it names") from error
    try:
        config = TwinConfig.model_validate(document)
    except ValidationError as error:
        lines = [_explained(detail, root) for detail in _own_mistakes(error)]
        raise ConfigError(
            f"{len(lines)} mistake{'s' if len(lines) > 1 else ''} in the description of the territory",
            where=path,
            found="\n            ".join(lines),
            expected="the fields of `jnt schema`",
            remedy="mend these lines",
        ) from error
    folder = path.resolve().parent
    sources = tuple(source.model_copy(update={"path": folder / source.path.expanduser()}) for source in config.sources)
    return config.model_copy(update={"sources": sources})


def config_schema() -> str:
    """JSON Schema of the YAML, as text ending with a newline (``config/schema.json``)."""
    schema = TwinConfig.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _own_mistakes(error: ValidationError) -> list[Any]:
    """Mistakes of the user: a list is not too short because an entry of it is wrong."""
    found = error.errors()
    inside = {detail["loc"][0] for detail in found if len(detail["loc"]) > 1}
    return [one for one in found if not (one["type"] == "too_short" and one["loc"][:1] and one["loc"][0] in inside)]


def _explained(detail: Any, root: yaml.Node | None) -> str:
    """One mistake in one line: where, what, and the field that may have been meant."""
    path = _without_tags(detail["loc"], root)
    place = ".".join(map(str, path)) or "the whole file"
    message = detail["msg"]
    if detail["type"] == "extra_forbidden":
        message = "unknown field"
        near = difflib.get_close_matches(str(path[-1]), _field_names(), n=1)
        if near and near[0] != path[-1]:
            message += f", did you mean {near[0]}?"
    found = detail["input"]
    value = "" if isinstance(found, dict | list) or detail["type"] == "missing" else f" (found {found!r})"
    return f"line {_line(path, root)}, {place}: {message}{value}"


def _without_tags(location: tuple[int | str, ...], root: yaml.Node | None) -> list[int | str]:
    """The path as it stands in the YAML: pydantic adds the tag of a union's member after its index."""
    path: list[int | str] = []
    node = root
    for step in location:
        found = _child(node, step)
        if found is None and isinstance(node, yaml.MappingNode):
            tags = [value.value for key, value in node.value if key.value == "kind"]
            if step in tags:
                continue
        path.append(step)
        node = found
    return path


def _child(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value  # type: ignore[no-any-return]  # pyyaml's stubs leave node values untyped
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]  # type: ignore[no-any-return]
    return None


def _line(path: list[int | str], root: yaml.Node | None) -> int:
    """Line of the deepest part of ``path`` that is there, counted from 1."""
    node, line = root, 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if key.value == str(step):
                    line = key.start_mark.line + 1
        node = _child(node, step)
        if node is None:
            break
        if isinstance(step, int):
            line = node.start_mark.line + 1
    return line


def _refuse_duplicate_keys(node: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys in silence; we do not."""
    for mapping in _mappings(node):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # the loader refuses it
            if key.value in seen:
                raise ConfigError(
                    "a field is stated twice",
                    where=f"{path}, line {key.start_mark.line + 1}",
                    found=key.value,
                    expected="each field once",
                    remedy="delete one of the two",
                )
            seen.add(key.value)


def _mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _mappings(item)


def _field_names() -> list[str]:
    """Every field name of the schema, to find the one that was meant."""

    def names(schema: object) -> Iterator[str]:
        if isinstance(schema, dict):
            yield from schema.get("properties", {})
            for value in schema.values():
                yield from names(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from names(value)

    return sorted(set(names(TwinConfig.model_json_schema())))
