"""The layers of urban planning and easements (*PLU*, *servitudes d'utilité publique*), after the CNIG standards."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import LayerSchema

__all__ = ["PLANNING"]

PLANNING: tuple[LayerSchema, ...] = ()
