"""Statements that lead nowhere: ids that a register names and that nothing in sight bears (*liens introuvables*)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import Candidates
from jnt_pipeline.territory.identity.registers import Register, Statements
from jnt_pipeline.territory.links import link_table

__all__ = ["Unfound", "unfound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfound:
    """Stated links without a pair, arrays of one length."""

    link_type: str
    source_id: NDArray[np.object_]
    target_id: NDArray[np.object_]
    layer: str
    """The layer of the register that states them."""
    speaker: NDArray[np.intp]
    """Position in it of the thing that states the link."""
    evidence: str

    def rows(self, which: NDArray[np.bool_], linked_on: str) -> pd.DataFrame:
        """Rows of the table ``links``, score 0."""
        ids = self.source_id[which], self.target_id[which]
        return link_table(self.link_type, *ids, "declared", 0.0, linked_on, self.evidence)


def unfound(
    pairs: Candidates,
    stated: Statements,
    speaker: tuple[str, Register],
    by: str,
    *,
    names_source: bool,
    within_m: float,
) -> Unfound:
    """The links that ``speaker`` (layer and register) states and that are none of the pairs that were looked at.

    ``names_source``: the speaker names sources of the link type, being the target itself; else the other way round.
    """
    layer, register = speaker
    named = pd.Series(stated.texts, dtype="object").str.split("|").explode().fillna("").astype("str").str.strip()
    named = named[named != ""]
    owner = named.index.to_numpy(dtype=np.intp)
    own, other = register.ids[owner], named.to_numpy(dtype=object)
    source, target = (other, own) if names_source else (own, other)
    seen = pd.MultiIndex.from_arrays([pairs.left_id, pairs.right_id])
    absent = ~pd.MultiIndex.from_arrays([source, target]).isin(seen)
    return Unfound(
        link_type=pairs.link_type,
        source_id=source[absent],
        target_id=target[absent],
        layer=layer,
        speaker=owner[absent],
        evidence=f'{{"stated_by":["{by}"],"found_within_m":null,"looked_within_m":{within_m:g}}}',
    )
