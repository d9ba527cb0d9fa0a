"""Quality rules that judge the base layers and speak (*contrôles qualité*): one table, one sentence per finding."""

from __future__ import annotations

from jnt_pipeline.base_layers.quality.judging import QUALITY_COLUMNS, RULES, judge, summary
from jnt_pipeline.base_layers.quality.parameters import QualityParameters
from jnt_pipeline.base_layers.quality.repair import REPAIR_COLUMNS, repaired
from jnt_pipeline.base_layers.quality.rules import Found, LayerOrigin, Rule, Severity

__all__ = [
    "QUALITY_COLUMNS",
    "REPAIR_COLUMNS",
    "RULES",
    "Found",
    "LayerOrigin",
    "QualityParameters",
    "Rule",
    "Severity",
    "judge",
    "repaired",
    "summary",
]
