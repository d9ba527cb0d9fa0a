"""Cadastre (*plan cadastral informatisé*): the files of Etalab, Parcellaire Express, API Carto, and EDIGÉO sheets."""

from __future__ import annotations

from jnt_pipeline.sources.cadastre.dialects import Dialect, dialect_of
from jnt_pipeline.sources.cadastre.feature_files import cadastral_dialect
from jnt_pipeline.sources.cadastre.source import LAYER_NAMES, CadastreSource, read_cadastre

__all__ = ["LAYER_NAMES", "CadastreSource", "Dialect", "cadastral_dialect", "dialect_of", "read_cadastre"]
