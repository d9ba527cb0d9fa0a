"""The YAML that describes a sample territory, and the sentences that its rules make."""

from __future__ import annotations

from jnt_pipeline.samples.recipe import AnyRecipe
from jnt_pipeline.samples.story import Rule

__all__ = ["describe_sample"]


def describe_sample(recipe: AnyRecipe, data_folder: str, size_km: float | None = None) -> str:
    """The YAML of a territory; its paths are ``data_folder`` followed by the folder of each source.

    ``area`` covers the sample of ``size_km``, as given to ``make_sample``.
    """
    west, south, east, north = recipe.extent(size_km).bounds
    return recipe.config.format(
        west=west,
        south=south,
        east=east,
        north=north,
        folder=data_folder.rstrip("/"),
        rules="\n".join(_rule_yaml(rule) for rule in recipe.story.rules),
    )


def _rule_yaml(rule: Rule) -> str:
    side, limit = ("above", rule.above) if rule.above is not None else ("below", rule.below)
    return (
        f"  - rule_id: {rule.rule_id}\n    observed_property: {rule.observed_property}\n    {side}: {limit}\n"
        f'    clear: {rule.clear}\n    severity: {rule.severity}\n    title: "{rule.title}"'
    )
