"""Sample territories: seeded generators of fictional places in the real producers' formats, with their truth beside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jnt_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from jnt_pipeline.samples.recipe import AnyRecipe

__all__ = ["SAMPLES", "SampleReport", "make_sample", "sample_config"]

SAMPLES: dict[str, str] = {
    "bourg": "Village in the zone of CC46: EDIGÉO of two vintages, BD TOPO, RNB, BAN, a PLU in NTF, a misplaced IFC.",
    "lagon": "Coast of La Réunion in UTM 40S and REUN89: reef, beach, ravine, a cyclone shelter in IFC, a surge.",
    "rive": "Riverside town in Lambert-93 and NGF-IGN69: cadastre, LiDAR tiles with a seam, a school in IFC, a flood.",
}
"""Names and one-line descriptions of the sample territories."""
THINNEST, DENSEST = 0.5, 50.0
"""Pulses per m² that a sample may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReport:
    """What ``make_sample`` wrote."""

    name: str
    folder: Path
    seed: int
    density_m2: float
    """LiDAR pulses per m²."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north in the projection of the sample, metres."""
    files: dict[str, int]
    """Size in bytes of every file, by path relative to ``folder``."""
    n_points: int
    n_buildings: int
    n_parcels: int
    n_observations: int


def make_sample(
    name: str, out: Path, *, seed: int | None = None, size_km: float | None = None, density: float | None = None
) -> SampleReport:
    """Write a sample territory into the folder ``out``: same arguments, same bytes.

    Parameters
    ----------
    name
        One of ``SAMPLES``.
    out
        Folder to write into; made if absent, and refused if it holds files that are not of this sample.
    seed
        Another seed is another town; None is the committed one.
    size_km
        Kilometres on each side of the tiles' seam, and as many north to south; None is the committed clip,
        1 gives two whole tiles. ``bourg`` has one size.
    density
        LiDAR pulses per m²; None is the committed 10.

    Raises
    ------
    ConfigError
        For an unknown name, a size or density that makes no sense, or a folder in use.
    """
    recipe = _recipe(name)
    seed, density = recipe.seed if seed is None else seed, recipe.density if density is None else density
    if not (math.isfinite(density) and THINNEST <= density <= DENSEST):
        raise ConfigError(
            "the sample cannot have this density",
            where="density",
            found=f"{density}",
            expected=f"pulses per m² between {THINNEST} and {DENSEST}",
            remedy="choose a density in that range",
        )
    if seed < 0:
        raise ConfigError(
            "the seed must not be negative",
            where="seed",
            found=f"{seed}",
            expected="a whole number from 0",
            remedy="choose another seed",
        )
    files = recipe.files(size_km)
    _refuse_strangers(out, files)
    out.mkdir(parents=True, exist_ok=True)
    sample = recipe.write(out, seed=seed, size_km=size_km, density=density)
    return SampleReport(
        name=name,
        folder=out,
        seed=seed,
        density_m2=density,
        bounds=sample.town.extent.bounds,
        files={file: (out / file).stat().st_size for file in files},
        n_points=sum(sum(counts.values()) for counts in sample.classes.values()),
        n_buildings=len(sample.town.buildings),
        n_parcels=len(sample.plan.parcels),
        n_observations=sample.sensors.csv_rows + sample.sensors.sensorthings_observations,
    )


def sample_config(name: str, data_folder: str, *, size_km: float | None = None) -> str:
    """The YAML that describes a sample territory whose files lie in ``data_folder``, relative to the YAML.

    Raises ``ConfigError`` for an unknown name.
    """
    from jnt_pipeline.samples.description import describe_sample

    return describe_sample(_recipe(name), data_folder, size_km)


def _recipe(name: str) -> AnyRecipe:
    """The recipe of a sample; the generator is imported only now."""
    if name not in SAMPLES:
        raise ConfigError(
            "no such sample territory",
            where="name",
            found=name,
            expected=", ".join(sorted(SAMPLES)),
            remedy="choose one of these names",
        )
    from jnt_pipeline.samples import bourg, lagon, rive

    recipes: dict[str, AnyRecipe] = {"bourg": bourg.RECIPE, "lagon": lagon.RECIPE, "rive": rive.RECIPE}
    return recipes[name]


def _refuse_strangers(out: Path, files: tuple[str, ...]) -> None:
    """Files of another sample, or of the user, must neither be overwritten nor be mixed with this one."""
    if out.exists() and not out.is_dir():
        raise ConfigError("not a folder", where=out, expected="a folder to write into", remedy="choose another path")
    strangers = sorted(
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if path.is_file() and path.relative_to(out).as_posix() not in files
    )
    if strangers:
        raise ConfigError(
            "the folder holds files that are not of this sample",
            where=out,
            found=", ".join(strangers[:3]) + (f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""),
            expected="an empty folder, or the same sample",
            remedy="choose another folder or empty this one",
        )
