"""The specification of the sample ``rive``, written beside its files."""

from __future__ import annotations

from jnt_pipeline.samples.truth import SurveyedSample

__all__ = ["readme"]


def readme(sample: SurveyedSample) -> str:
    """Return the README of a generated sample (Markdown)."""
    return f"seed {sample.town.seed}\n"
