"""Reference: a horizontal and a vertical CRS, always said together."""

from __future__ import annotations

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

__all__ = ["DeclaredUndulation", "Reference"]

_CODE = re.compile(r"EPSG:\d{4,6}")


class Reference(BaseModel):
    """Spatial reference of a layer (*système de coordonnées*): EPSG codes, compared as codes, never as names.

    ``vertical`` is None for a layer without heights (parcels of the cadastre); a layer that *has* heights and
    no vertical reference is an error, raised where it is read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizontal: str = Field(
        description="Horizontal CRS (SCR planimétrique), e.g. EPSG:2154 Lambert-93.", pattern=r"^EPSG:\d{4,6}$"
    )
    vertical: str | None = Field(
        default=None,
        description="Vertical CRS (système altimétrique), e.g. EPSG:5720 NGF-IGN69.",
        pattern=r"^EPSG:\d{4,6}$",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            head, _, tail = value.strip().upper().partition("+")
            return {"horizontal": head, "vertical": f"EPSG:{tail.removeprefix('EPSG:')}" if tail else None}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form: the text ``EPSG:2154+5720`` that people write, or the two fields."""
        fields = handler.resolve_ref_schema(handler(schema))
        text = {"type": "string", "pattern": r"^EPSG:\d{4,6}(\+(EPSG:)?\d{4,6})?$", "examples": ["EPSG:2154+5720"]}
        return {"anyOf": [text, fields], "title": "Reference", "description": fields.get("description", "")}

    @property
    def code(self) -> str:
        """Text form understood by PROJ: ``EPSG:2154+5720``, or ``EPSG:2154`` without heights."""
        return self.horizontal if self.vertical is None else f"{self.horizontal}+{self.vertical[5:]}"

    def __str__(self) -> str:
        return self.code

    def flat(self) -> Self:
        """The same reference without heights."""
        return self.model_copy(update={"vertical": None})


class DeclaredUndulation(BaseModel):
    """A constant height of the geoid above the ellipsoid, declared by the user for a small territory.

    Used where no grid is at hand; written into every output. Never a default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value_m: float = Field(description="Undulation: ellipsoidal height minus normal height, metres.", ge=-110, le=90)
    accuracy_m: float = Field(
        description="How far from it the true undulation may be over the territory, metres.", gt=0, le=5
    )
    source: str = Field(description="Who says so: document, grid and place it was read from.", min_length=3)
