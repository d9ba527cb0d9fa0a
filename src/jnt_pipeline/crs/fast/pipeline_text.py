"""A PROJ pipeline taken apart: the steps that are evaluated here, or the reason why PROJ has to do it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["NotCompiledError", "Step", "steps_of"]

_ALLOWED = {
    "lcc": {"lat_0", "lon_0", "lat_1", "lat_2", "x_0", "y_0", "k_0", "k", "ellps"},
    "utm": {"zone", "south", "ellps"},
    "tmerc": {"lat_0", "lon_0", "k", "k_0", "x_0", "y_0", "ellps"},
    "unitconvert": {"xy_in", "xy_out", "z_in", "z_out"},
    "vgridshift": {"grids", "multiplier"},
    "cart": {"ellps"},
    "helmert": {"x", "y", "z", "rx", "ry", "rz", "s", "convention"},
    "push": {"v_3"},
    "pop": {"v_3"},
    "set": {"v_3"},
    "noop": {"ellps"},
}
"""Parameters whose meaning is known, by step; any other sends the pipeline to PROJ."""


class NotCompiledError(ValueError):
    """This pipeline is PROJ's work; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pipeline."""

    name: str
    """Name of PROJ's operation, without ``proj=``."""
    is_inverse: bool
    """Whether it runs backwards."""
    values: MappingProxyType[str, str]
    """Its parameters; a flag has the value of an empty text."""

    @property
    def text(self) -> str:
        """The step as PROJ reads it, without its direction."""
        return " ".join([f"proj={self.name}", *(f"{k}={v}" if v else k for k, v in self.values.items())])


def steps_of(pipeline: str) -> tuple[Step, ...]:
    """Steps of a pipeline in PROJ's own words (``Transformer.definition``), a single step included.

    Raises
    ------
    NotCompiledError
        A step or one of its parameters is not evaluated here.
    """
    words = [word.removeprefix("+") for word in pipeline.split()]
    groups: list[list[str]] = []
    if words[:1] == ["proj=pipeline"]:
        before_steps = True
        for word in words[1:]:
            if word == "step":
                groups.append([])
                before_steps = False
            elif before_steps:
                raise NotCompiledError(f"a parameter of the whole pipeline, {word}")
            else:
                groups[-1].append(word)
    else:
        groups.append(words)
    return tuple(_step(group) for group in groups)


def _step(words: list[str]) -> Step:
    values: dict[str, str] = {}
    is_inverse = False
    for word in words:
        key, _, value = word.partition("=")
        if key == "inv":
            is_inverse = True
        elif key in values:
            raise NotCompiledError(f"the parameter {key} twice in one step")
        else:
            values[key] = value
    name = values.pop("proj", "")
    if name not in _ALLOWED:
        raise NotCompiledError(f"the step {name or words}")
    unknown = set(values) - _ALLOWED[name]
    if unknown:
        raise NotCompiledError(f"the step {name} with {', '.join(sorted(unknown))}")
    return Step(name, is_inverse, MappingProxyType(values))
