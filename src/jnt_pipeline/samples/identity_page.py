"""Writes the page about identity with its figures: ``python -m jnt_pipeline.samples.identity_page docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from jnt_pipeline.samples.identity_measures import (
    BINS,
    CELLS_M,
    Scored,
    counted,
    derived_id_faults,
    reliability,
    scored,
    united,
)
from jnt_pipeline.samples.identity_words import FOOT, HEAD, MIDDLE
from jnt_pipeline.samples.registers import LINK_TYPES, register_town
from jnt_pipeline.territory.identity.models import MODELS
from jnt_pipeline.territory.identity.parameters import IdentityParameters

__all__ = ["REPORTED_SEEDS", "by_seed", "main"]

REPORTED_SEEDS = range(2000, 2010)
"""Towns that the figures come from; the models have not seen them."""

_NOISES = (0.0, 0.02, 0.05, 0.1, 0.2)
_DEFAULT = IdentityParameters().min_score
_THRESHOLDS = (0.3, 0.5, 0.6, 0.7, 0.9)
_SEEDS_OF_NOISES = range(2000, 2004)


def by_seed(seed: int | str, found: dict[str, Scored]) -> str:
    """One row of the table of towns with 5 % noise: precision / recall of each link type."""
    return f"| {seed} | " + " | ".join(_pair(found[kind], IdentityParameters().min_score) for kind in LINK_TYPES) + " |"


def page(of_towns: dict[int, dict[str, Scored]]) -> str:
    """The whole page, Markdown; ``of_towns``: the pairs of the reported towns at 5 % noise, by seed."""
    found = united(of_towns.values())
    lines = [HEAD, _header("Town (seed)")]
    lines += [by_seed(seed, one) for seed, one in of_towns.items()]
    lines += [by_seed("together", found), "\nA town has some 300 links of each type: three wrong ones are one percent."]
    lines += [
        "\n### By noise\n",
        f"Towns {_SEEDS_OF_NOISES[0]} to {_SEEDS_OF_NOISES[-1]} together, at the default threshold.\n",
    ]
    lines += [_header("Noise")]
    for noise in _NOISES:
        some = united(
            of_towns[seed] if noise == 0.05 else scored(register_town(seed, noise=noise)) for seed in _SEEDS_OF_NOISES
        )
        lines.append(f"| {noise:.0%} | " + " | ".join(_pair(some[kind], _DEFAULT) for kind in LINK_TYPES) + " |")
    lines += ["\n### By threshold\n", "The ten towns with 5 % noise together.\n", _header("`min_score`")]
    lines += [
        f"| {threshold} | " + " | ".join(_pair(found[kind], threshold) for kind in LINK_TYPES) + " |"
        for threshold in _THRESHOLDS
    ]
    lines += [MIDDLE, *_reliability_rows(found), "\n![Reliability of the scores](identity_scores.svg)\n"]
    lines += ["### What the scores weigh\n", "| Model | Weights |", "|---|---|"]
    lines += [
        f"| {name} | " + ", ".join(f"{feature} {weight:g}" for feature, weight in model.weights.items()) + " |"
        for name, model in MODELS.items()
    ]
    lines += [FOOT, "| Cell of the centroid | id changes with the format | shares its cell |", "|---|---|---|"]
    towns = {seed: register_town(seed) for seed in _SEEDS_OF_NOISES}
    for cell in CELLS_M:
        faults = [derived_id_faults(town, cell, seed) for seed, town in towns.items()]
        changed, shared = (sum(part) / len(faults) for part in zip(*faults, strict=True))
        lines.append(f"| {cell[0]:g} m x {cell[1]:g} m | {changed:.2%} | {shared:.2%} |")
    return "\n".join(lines) + "\n"


def _header(first: str) -> str:
    return f"| {first} | " + " | ".join(LINK_TYPES) + " |\n|---" + "|---" * len(LINK_TYPES) + "|"


def _pair(one: Scored, threshold: float) -> str:
    precision, recall, _ = counted(one, threshold)
    return f"{precision:.3f} / {recall:.3f}"


def _reliability_rows(found: dict[str, Scored]) -> list[str]:
    rows = ["| Score | Pairs | Mean score | True |", "|---|---|---|---|"]
    for number, row in reliability(list(found.values())).iterrows():
        low, high = BINS[int(str(number))], BINS[int(str(number)) + 1]
        rows.append(f"| {low:g} to {high:g} | {int(row['n'])} | {row['mean_score']:.3f} | {row['share_true']:.3f} |")
    return rows


def draw(found: dict[str, Scored], file: Path) -> None:
    """The reliability of the scores as SVG, one line for each link type."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "identity", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.5, 5.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="as stated")
        for kind, mark in zip(LINK_TYPES, "osv^Dx", strict=True):
            table = reliability([found[kind]])
            table = table[table["n"] >= 10]
            axes.plot(table["mean_score"], table["share_true"], marker=mark, linewidth=1, markersize=5, label=kind)
        axes.set(xlabel="score", ylabel="share of true links", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_title("Ten generated towns, 5 % noise; classes of 10 pairs or more", fontsize=10)
        axes.legend(fontsize=9)
        figure.savefig(file, format="svg", metadata={"Date": None})


def main(folder: Path) -> None:
    """Write ``identity.md`` and ``identity_scores.svg``."""
    of_towns = {seed: scored(register_town(seed)) for seed in REPORTED_SEEDS}
    draw(united(of_towns.values()), folder / "identity_scores.svg")
    (folder / "identity.md").write_text(page(of_towns), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
