"""A delivery that is killed, as the power cut does it: no handler, no cleaning up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.hypervisor.recording import Recorder
from jnt_pipeline.hypervisor.rules import ThresholdRule
from jnt_pipeline.territory.model import Territory

_MOMENTS: dict[str, tuple[type, str]] = {
    "record": (Recorder, "record"),
    "commit": (Recorder, "flush"),
    "after": (Feed, "record"),
    "change": (Recorder, "tell_changes"),
    "changed": (Feed, "tell_changes"),
}


def deliver_and_die(territory: Territory, rules: Sequence[ThresholdRule], path: Path, moment: str, batch: int) -> None:
    """Deliver in batches of 20, and end this process by SIGKILL at a moment of a batch.

    ``record``: values written, events not; ``commit``: all written, not committed; ``after``: just committed.
    ``change``, ``changed``: the same of a batch of changes, before anything is written and just committed.
    """
    owner, name = _MOMENTS[moment]
    setattr(owner, name, _killing(getattr(owner, name), batch))
    deliver(territory, rules, path, batch_size=20)


def _killing(original: Callable[..., Any], call: int) -> Callable[..., Any]:
    n_calls = 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        result = original(*given, **named)
        if n_calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return counted
