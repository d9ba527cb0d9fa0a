"""Any file of features that a user has (*couche vecteur*), with a mapping of its columns written in YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.columns import Column, LayerSchema, Shape
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.base_layers.streams import LayerStream
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ConfigError, EmptySourceError
from jnt_pipeline.sources.delivered import VECTOR_SUFFIXES, parts_of, reference_for, unit_names
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.mapping import Field as MappingField
from jnt_pipeline.sources.mapping import Mapping, near_names
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit
from jnt_pipeline.sources.vector_files import Features, open_features, stream

__all__ = ["MappedColumn", "VectorSource", "read_vector"]

_UNITS = {
    "mm": 0.001, "cm": 0.01, "m": 1.0, "km": 1000.0, "ft": 0.3048,
    "m2": 1.0, "a": 100.0, "ha": 10_000.0, "km2": 1_000_000.0,
}  # fmt: skip
"""Unit of a column in the file → by how much it is multiplied to give metres or square metres."""

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class MappedColumn(BaseModel):
    """Where one column of the layer comes from, and what it promises."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str | Names = Field(
        default=(),
        alias="from",
        description="Column of the file, in any case; or several, of which the first with a value counts.",
    )
    constant: str | int | float | bool | None = Field(
        default=None, description="Value of the records that have none from the file."
    )
    kind: Literal["text", "integer", "number", "boolean", "instant", "date"] = Field(
        default="text", description="What the values are; date: a day, written as YYYY-MM-DD. Known layers have theirs."
    )
    unit: str = Field(
        default="",
        description="Unit in the file, brought to metres or m²: mm, cm, m, km, ft, m2, a, ha, km2; empty = as it is.",
    )
    codes: dict[str, str] = Field(default_factory=dict, description="Code of the file → word of the layer.")
    pattern: str = Field(default="", description="Regular expression that the whole text must match (RE2).")
    required: bool = Field(default=False, description="Whether a record without a value is set aside.")
    description: str = Field(default="", description="What the column means, for those who read the twin.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.origin and self.constant is None:
            raise ValueError("a column needs `from` or `constant`")
        if self.unit and (self.unit not in _UNITS or self.kind not in {"number", "integer"}):
            raise ValueError(f"unit {self.unit!r} of a {self.kind}; units of numbers are {', '.join(_UNITS)}")
        try:
            re.compile(self.pattern)
            pc.match_substring_regex(pa.array([""]), self.pattern)
        except (re.error, pa.ArrowInvalid) as error:
            raise ValueError(f"pattern {self.pattern!r}: {error}") from error
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """The columns of the file, the first first."""
        return (self.origin,) if isinstance(self.origin, str) else self.origin


class VectorSource(SourceDeclaration):
    """A file of features, or a folder of files of the same kind: GeoPackage, shapefile, GeoJSON, GML, FlatGeobuf, …"""

    kind: Literal["vector"] = Field(default="vector", description="Discriminator.")
    layer: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Name in the twin; a known one (parcels, …) brings its schema with it.",
    )
    columns: dict[str, MappedColumn] = Field(
        default_factory=dict, description="Column of the layer → where it comes from."
    )
    key: str = Field(
        default="", description="Column that identifies a record; empty for none. Known layers have theirs."
    )
    shape: Shape = Field(default="any", description="polygon, line, point or any. Known layers have theirs.")
    title: str = Field(default="", description="Title that people read.")
    keep_other_columns: bool = Field(default=False, description="Whether the other columns of the file stay.")
    file_layer: str | None = Field(default=None, description="Layer inside the file, where it has several.")
    reference: Reference | None = Field(
        default=None,
        description="Reference that overrides what the file states, e.g. EPSG:2154+5720; null = believe the file.",
    )
    vertical: str | None = Field(
        default=None, pattern=r"^EPSG:\d{4,6}$", description="Vertical CRS of elevations, for files that state none."
    )

    @model_validator(mode="after")
    def _names_its_columns(self) -> Self:
        known = SCHEMAS.get(self.layer)
        if known is None:
            if self.key and self.key not in self.columns:
                raise ValueError(f"the key {self.key!r} is not one of the columns")
            if self.shape == "none":
                raise ValueError("a layer of features has a shape: polygon, line, point or any")
            return self
        strange = [name for name in self.columns if name not in known.column_names or name == "area_m2"]
        if strange:
            names = tuple(name for name in known.column_names if name != "area_m2")
            raise ValueError(f"{self.layer} has no column {strange[0]!r}: {near_names(strange[0], names)}")
        missing = [column.name for column in known.columns if column.required and column.name not in self.columns]
        if missing:
            raise ValueError(f"{self.layer} needs the columns {', '.join(missing)}")
        return self

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The one layer."""
        return (self.layer,)

    @property
    def schema_of_layer(self) -> LayerSchema:
        """What the layer promises: a known schema, or the one that the columns make."""
        known = SCHEMAS.get(self.layer)
        if known is not None:
            return known
        return LayerSchema(
            name=self.layer,
            title=self.title or self.layer,
            key=self.key,
            shape=self.shape,
            keeps_other_columns=self.keep_other_columns,
            columns=tuple(
                Column(
                    name,
                    "text" if column.kind == "date" else column.kind,
                    column.description or f"From the column {', '.join(column.origins) or 'constant'} of the file.",
                    required=column.required or name == self.key,
                    pattern=column.pattern,
                )
                for name, column in self.columns.items()
            ),
        )

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per file, a shapefile with its parts; opens no file. Raises ``EmptySourceError`` without any."""
        del area  # the files state no extent in their names
        found = delivered_files(self.path, *VECTOR_SUFFIXES)
        if not found:
            raise EmptySourceError(
                "no file of features",
                where=self.path,
                expected=f"files ending in {', '.join(VECTOR_SUFFIXES)}",
                remedy="correct `path` in the description of the territory",
            )
        names = unit_names(found, self.path)
        inside = f"_{safe_name(self.file_layer)}" if self.file_layer else ""
        units = (SourceUnit(name=f"{self.layer}-{names[path]}{inside}", files=parts_of(path)) for path in found)
        return tuple(sorted(units, key=lambda unit: unit.name))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[LayerStream, ...]:
        """The layer of one file."""
        del area  # in the twin's CRS: clipping is the normaliser's, which transforms
        return (read_vector(unit.files, self),)


def read_vector(files: tuple[Path, ...], source: VectorSource) -> LayerStream:
    """The layer that the declaration makes of one file, given with its parts.

    Raises ``ConfigError`` when the mapping names a column that the file does not have, ``UnreadableError``,
    ``MissingCrsError``, ``EmptySourceError`` (GeoJSON without features), ``SourceError`` (the layer inside the file
    has to be named).
    """
    features = open_features(files[0], layer=source.file_layer)
    schema = source.schema_of_layer
    mapping = Mapping(schema=schema, fields=_fields(source, schema))
    _require_columns(mapping, features, source)
    reference, notes = reference_for(features, source.reference)
    if source.vertical is not None and reference.vertical is None:
        reference = reference.model_copy(update={"vertical": source.vertical})
    provenance = source.provenance(tuple(fingerprint(file) for file in files), *notes)
    return stream(features, schema, mapping, reference, provenance)


def _fields(source: VectorSource, schema: LayerSchema) -> tuple[MappingField, ...]:
    kinds = {column.name: column.kind for column in schema.columns}
    return tuple(
        MappingField(
            to=name,
            origins=column.origins,
            constant=column.constant,
            codes=tuple(column.codes.items()),
            is_date=column.kind == "date" or (kinds[name] == "text" and name.endswith("_on")),
            must_be_day=column.kind == "date" and not column.codes and not column.pattern,
            factor=_UNITS.get(column.unit, 1.0),
            pattern=column.pattern,
        )
        for name, column in source.columns.items()
    )


def _require_columns(mapping: Mapping, features: Features, source: VectorSource) -> None:
    names = tuple(features.columns.names)
    if not names and features.n_features == 0:  # GeoJSON without features states no columns
        raise EmptySourceError(
            "the file holds no feature",
            where=features.path.name,
            expected="at least one feature, or a format that states its columns",
            remedy="leave the file out, or download it again",
        )
    for field in mapping.absent(names):
        wanted = source.columns[field.to].origins
        raise ConfigError(
            f"the mapping names a column that the file does not have: {' or '.join(wanted)}",
            where=f"{features.path.name}, columns.{field.to}",
            found=near_names(wanted[0], names),
            expected="a column of the file",
            remedy="correct `from` in the mapping, or leave the column out",
        )
