"""The stages, one module for each verb: plan units, read inputs, call the pure functions, commit."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Stage"]


class Stage(StrEnum):
    """The stages in their order; a run may end after any of them."""

    FETCH = "fetch"
    INGEST = "ingest"
    ASSEMBLE = "assemble"
    EXPORT = "export"
    DELIVER = "deliver"

    def reaches(self, other: Stage) -> bool:
        """Whether a run that ends after this stage goes through ``other``."""
        order = list(Stage)
        return order.index(self) >= order.index(other)
