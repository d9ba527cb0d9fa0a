"""Sparkline (*mini-courbe*): a series of measures as a small inline SVG path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jnt_pipeline.hypervisor.rules import Observation

__all__ = ["HEIGHT", "WIDTH", "Sparkline", "sparkline"]

WIDTH, HEIGHT = 120, 28
_MARGIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """What the template draws, in a box of ``WIDTH`` by ``HEIGHT``."""

    points: str
    """Vertices of the polyline, in the order of time; empty below two observations."""
    last_x: float
    last_y: float
    """The newest observation."""
    lowest: Observation
    highest: Observation


def sparkline(observations: Sequence[Observation]) -> Sparkline | None:
    """The curve of observations in the order of time, time to scale; None without any."""
    if not observations:
        return None
    start, end = observations[0].phenomenon_at, observations[-1].phenomenon_at
    seconds = (end - start).total_seconds()
    lowest = min(observations, key=lambda one: one.result)
    highest = max(observations, key=lambda one: one.result)
    spread = highest.result - lowest.result
    vertices = []
    for one in observations:
        along = (one.phenomenon_at - start).total_seconds() / seconds if seconds else 1.0
        up = (one.result - lowest.result) / spread if spread else 0.5
        x = _MARGIN + along * (WIDTH - 2 * _MARGIN)
        y = HEIGHT - _MARGIN - up * (HEIGHT - 2 * _MARGIN)
        vertices.append((round(x, 1), round(y, 1)))
    return Sparkline(
        points=" ".join(f"{x:g},{y:g}" for x, y in vertices) if len(vertices) > 1 else "",
        last_x=vertices[-1][0],
        last_y=vertices[-1][1],
        lowest=lowest,
        highest=highest,
    )
