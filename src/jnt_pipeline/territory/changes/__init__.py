"""Changes between two editions (*millésimes*) of the base layers, ids that survive them, and ids given up.

``layer_changes`` compares one layer, ``change_set`` all; ``resolve`` says what became of an id.
"""

from __future__ import annotations

from jnt_pipeline.territory.changes.change_sets import (
    ChangeSet,
    LayerChanges,
    LayerEdition,
    change_set,
    changes_between,
    layer_changes,
)
from jnt_pipeline.territory.changes.parameters import DERIVED_KEY_LAYERS, ChangeParameters
from jnt_pipeline.territory.changes.registry import REGISTRY, empty_registry, resolve, updated_registry
from jnt_pipeline.territory.changes.table import CHANGE_TYPES, CHANGES
from jnt_pipeline.territory.changes.vintages import vintage_day

__all__ = [
    "CHANGES",
    "CHANGE_TYPES",
    "DERIVED_KEY_LAYERS",
    "REGISTRY",
    "ChangeParameters",
    "ChangeSet",
    "LayerChanges",
    "LayerEdition",
    "change_set",
    "changes_between",
    "empty_registry",
    "layer_changes",
    "resolve",
    "updated_registry",
    "vintage_day",
]
