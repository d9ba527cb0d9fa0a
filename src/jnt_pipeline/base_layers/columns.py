"""What a base layer promises: its columns with type, unit and meaning, its key and its kind of geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DATES", "Column", "Kind", "LayerSchema", "Shape"]

Kind = Literal["text", "integer", "number", "boolean", "instant", "integers"]
Shape = Literal["polygon", "line", "point", "any", "none"]
"""Kind of geometry, single or multiple; ``any``: whatever the producer drew; ``none``: a table."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a layer."""

    name: str
    kind: Kind
    description: str
    required: bool = False
    """A record without a value here is set aside as ``missing_<name>``."""
    pattern: str = ""
    """Regular expression that the whole text must match; a record that does not is set aside as ``bad_<name>``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSchema:
    """What a base layer (*donnée socle*) promises."""

    name: str
    title: str
    key: str
    """Column that identifies a record; duplicates are set aside as ``duplicate_id``. Empty: no key."""
    shape: Shape
    columns: tuple[Column, ...]
    keeps_other_columns: bool = False
    """Whether further attributes of the producer stay, after the columns of the schema, under their own names."""
    is_shared: bool = False
    """Whether several deliveries hold the same record (a commune on each of its sheets): the twin keeps one of them."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in their order; the geometry comes after them."""
        return tuple(column.name for column in self.columns)


DATES = (
    Column("created_on", "text", "Date of creation in the source, YYYY-MM-DD (INSPIRE beginLifespanVersion)."),
    Column("updated_on", "text", "Date of last change in the source, YYYY-MM-DD."),
)
"""The two dates that most registers state."""
