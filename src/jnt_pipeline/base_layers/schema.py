"""The schemas of the base layers (*données socles*), by name; their tables are in ``base_layers.tables``."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.tables.addresses import ADDRESSES
from jnt_pipeline.base_layers.tables.bdtopo import BDTOPO
from jnt_pipeline.base_layers.tables.cadastre import CADASTRE
from jnt_pipeline.base_layers.tables.planning import PLANNING
from jnt_pipeline.base_layers.tables.quality import QUALITY
from jnt_pipeline.base_layers.tables.rnb import RNB
from jnt_pipeline.base_layers.tables.street_map import STREET_MAP
from jnt_pipeline.base_layers.tables.surveyed import SURVEYED
from jnt_pipeline.base_layers.tables.vegetation import VEGETATION

__all__ = ["SCHEMAS", "Column", "LayerSchema"]

SCHEMAS: dict[str, LayerSchema] = {
    schema.name: schema
    for schema in (*CADASTRE, *BDTOPO, *RNB, *ADDRESSES, *PLANNING, *STREET_MAP, *SURVEYED, *VEGETATION, *QUALITY)
}
"""The layers whose columns are known beforehand; a layer of a user's own file brings its schema with it."""
