"""Writes the page about identity with its figures: ``python -m jnt_pipeline.samples.identity_page docs``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from jnt_pipeline.samples.identity_ids import WRITTEN_TWICE, changed_ids
from jnt_pipeline.samples.identity_measures import (
    BINS,
    Scored,
    counted,
    reliability,
    scored,
    united,
)
from jnt_pipeline.samples.identity_words import FOOT, HEAD, MIDDLE
from jnt_pipeline.samples.registers import LINK_TYPES, register_town
from jnt_pipeline.territory.identity.models import MODELS
from jnt_pipeline.territory.identity.parameters import IdentityParameters

__all__ = ["DESIGN_SEEDS", "REPORTED_SEEDS", "by_seed", "main"]

REPORTED_SEEDS = range(2000, 2010)
"""Towns that the figures come from; the models have not seen them."""

DESIGN_SEEDS = range(3000, 3010)
"""Towns whose errors were looked at one by one when the features were made; no weight comes from them."""

_NOISES = (0.0, 0.02, 0.05, 0.1, 0.2)
_DEFAULT = IdentityParameters().min_score
_WORST = """
A town has some 300 links of each type: three wrong ones are one percent. Towns 3000 to 3009 are those whose errors
were looked at one by one when the features were made. Least precision / least recall of any town:
"""
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
    lines += [by_seed("together", found), _WORST, _header("Worst town of")]
    lines += [_worst("2000 to 2009", of_towns.values())]
    lines += [_worst("3000 to 3009", [scored(register_town(seed)) for seed in DESIGN_SEEDS])]
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
    lines += [FOOT, "| One plan, written twice | ids that change |", "|---|---|"]
    measured = [changed_ids(register_town(seed), seed) for seed in _SEEDS_OF_NOISES]
    n = sum(part[0] for part in measured)
    for way, changed in zip(WRITTEN_TWICE, zip(*(part[1] for part in measured), strict=True), strict=True):
        lines.append(f"| {way} | {sum(changed)} of {n} |")
    return "\n".join(lines) + "\n"


def _header(first: str) -> str:
    return f"| {first} | " + " | ".join(LINK_TYPES) + " |\n|---" + "|---" * len(LINK_TYPES) + "|"


def _worst(name: str, towns: Iterable[dict[str, Scored]]) -> str:
    """One row: the least precision and the least recall of any of the towns."""
    parts = list(towns)
    cells = []
    for kind in LINK_TYPES:
        precision, recall, _ = zip(*(counted(one[kind], _DEFAULT) for one in parts), strict=True)
        cells.append(f"{min(precision):.3f} / {min(recall):.3f}")
    return f"| {name} | " + " | ".join(cells) + " |"


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
        pooled = reliability(list(found.values()))
        axes.plot(pooled["mean_score"], pooled["share_true"], color="black", linewidth=3, label="all, with pairs")
        for _, row in pooled.iterrows():
            place, beside = (row["mean_score"], row["share_true"]), (7, -11)
            if place[0] < 0.05 or place[0] > 0.99:
                beside = (7, 3) if place[0] < 0.05 else (-34, 6)  # inside the frame
            axes.annotate(f"{int(row['n'])}", place, beside, textcoords="offset points", fontsize=8, weight="bold")
        for kind, mark in zip(LINK_TYPES, "osv^Dx", strict=True):
            table = reliability([found[kind]])
            table = table[table["n"] >= 10]
            axes.plot(
                table["mean_score"], table["share_true"], marker=mark, linewidth=1, markersize=5, label=kind, alpha=0.6
            )
        axes.set(xlabel="score", ylabel="share of true links", xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
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
