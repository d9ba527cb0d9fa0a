"""The words of the page about identity, around its measured figures."""

from __future__ import annotations

__all__ = ["FOOT", "HEAD", "MIDDLE"]

HEAD = """# Identity: one thing, many registers

A building is a footprint of the cadastre (without id), a `cleabs` of BD TOPO, one or several ids of the RNB, and the
place of addresses. `jnt_pipeline.territory.identity` says which of these mean the same thing: rows of the table
`links`, n-to-n, each with method, score, date and evidence. This page is written by
`python -m jnt_pipeline.samples.identity_page docs`; a test measures one of its rows anew.

| Link | From | To | Rests on |
|---|---|---|---|
| `building-topo` | footprint | BD TOPO | outlines |
| `building-rnb` | footprint | RNB | outlines or points; BD TOPO's statement, where its building is the footprint |
| `topo-rnb` | BD TOPO | RNB | outlines or points; what either register states of the other |
| `rnb-parcel` | RNB | parcel | the outline on the parcel; its footprints on the parcel; what the RNB states |
| `address-building` | address | footprint | distance; plots; what the RNB states; what BD TOPO and RNB make of it |
| `address-parcel` | address | parcel | distance; the building of the address; the statement of the address file |

**Score.** The probability that the link is true, from a logistic model of a few features for each link type
(`identity/models.py`). Links from `min_score` (0.6) on are kept. Weights come from 24 generated towns; figures below
from ten others. They hold for the generator's kind of disagreement; real registers disagree in further ways, so check
a sample of yours.

**Method.** `geometry` (two outlines), `inside`, `nearest`; `declared+...` where a register states the link as well;
`declared` where it alone speaks. **Evidence** is a JSON object: `iou`, `share_cadastre` and the like (a split or a
merge shows as shares: one building, two of BD TOPO, 0.4 and 0.6 of it), `centroid_m`, `gap_m`, `form` (likeness of
outlines once laid on each other), `offset_m` with `offset_votes`, `stated_by`, `stated_instead` (the registers name
another id: the link is by geometry, against the statement), `via` (the id through which a statement came). Statements
that geometry does not bear out (score below `min_score`; 0 where nothing within 50 m is it)
are in `Judgement.contradictions`.

**Addresses and buildings.** An address on a street belongs to the plot that it faces: fronts of plots are in line,
houses stand back by more or less. On a plot the main building has the address, not the garage; main by area on the
plot, so that a footprint over two plots is the main one of both, and by standing first, as a house before its barn. A
footprint that BD TOPO or the RNB takes for one building with the best other one of the address (a house drawn in two
parts) has the address too; one that they hold for another building (an annexe) has not. Where they know a building on
the plot, or the RNB states the address of one, that the cadastre does not draw, its neighbour is not given the address.
12 and 12 bis of a street are no rivals for a building, nor are two addresses of a footprint that is two buildings
elsewhere. A footprint that is a small part of the RNB building that states the address may not be the part that is
meant. Evidence: `share_on_nearest_parcel`, `share_on_stated_parcel`, `lead_m`, `via`, `registers_know_another_here`.

**Offsets.** BD TOPO and RNB lie beside the cadastre by up to a few metres, the same for neighbours. In each square of
100 m, buildings alike in size and form within 300 m vote; the offset is taken off before outlines are compared, and
each link says which and by how many votes. With fewer than five votes nothing is taken off.

**Cells.** Links of a cell are those of the whole territory if everything within `reach_m(parameters)` (about 670 m)
of the cell's things is read, for buildings up to `max_extent_m` long. The sources in a cell own its links.

## Measured

Generated towns (`jnt_pipeline.samples.registers`): terraced and detached houses, sheds, farms whose barn is often
larger than the house, an old town with courtyards, halls. *5 % noise* is the rate of **each** fault, in each of
cadastre, BD TOPO and RNB: split, merged, missing, moved
by 1 to 3 m on its own, redrawn; stated ids that are another building's; RNB points; addresses 15 to 60 m away.
Besides, always: registers beside each other by up to 2.8 m an axis, half of the sheds unknown to the RNB, 15 to 30 %
of statements absent. 12 and 12 bis are always of one house there, which real streets do not promise: without house
numbers `address-building` and `address-parcel` lose some two percent of recall. Precision / recall at the default
threshold:
"""

MIDDLE = """
### Are the scores probabilities?

All link types of the ten towns together; pairs that were looked at, by class of score. In the plot, a class in the
middle holds 10 to 60 pairs of a link type: its share is known within 0.1 or so. The bold line is all of them, with
their number.
"""

FOOT = """
## Real files

Five BD TOPO buildings with declared RNB ids, eleven RNB buildings (fixtures of the RNB's own tests): the declared
links are the labels, eight of them. From geometry alone seven are found and nothing else; the eighth, 14 % of an RNB
building under a corner of BD TOPO's, needs the declaration. With it all eight are found. A test holds this.

## Ids of buildings

A building is called by its RNB id where footprint and RNB building are linked to each other alone and the score is
`sure_score` (0.9) or more; else by `cleabs` likewise; else by an id derived from commune and place. `identities` lists
for every building the ids that registers give it, with relation (`same`, `contains`, `part_of`, `overlaps`, `address`)
and score.

**What a derived id can promise.** The same bytes give the same id whatever the order of the file, its vintage, or
where rings start. An id is one of many values, so somewhere between two places it must change: no rule on the place
alone is stable everywhere. But a plan is written with so many digits: its vertices lie on a grid, EDIGÉO's on
centimetres, Etalab's on 1e-7°. Vertices are put back on their grid before the centroid is taken, and EDIGÉO is read as
Etalab writes it; so another reference and back, other digits, another edition of PROJ change no id of such a plan
(taken from vertices as they were, 3 % of the ids changed with the format). A plan on no grid, say one that was turned
or adjusted by hand, has no such anchor: there, and where a building is redrawn, ids need the edition before. The
register of vintages carries them over by overlap, and so too ids that earlier releases made.
"""
