"""The layers of the street base map (*plan de corps de rue simplifié*, PCRS)."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import LayerSchema

__all__ = ["STREET_MAP"]

STREET_MAP: tuple[LayerSchema, ...] = ()
