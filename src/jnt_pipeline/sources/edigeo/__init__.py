"""EDIGÉO: sheets of the cadastral plan (*feuilles du plan cadastral informatisé*), read by a parser of our own.

::

    Sheet ─lot─▶ members (bytes) ─grammar─▶ descriptors ─content─▶ objects and primitives ─outlines, layers─▶ Layer

Sources: AFNOR NF Z 52000 (exchange grammar) and DGFiP, *Standard d'échange des objets du plan cadastral informatisé
fondé sur la norme EDIGÉO*, 2013: the numbers of sections in this package are the latter's.
"""

from __future__ import annotations

from jnt_pipeline.sources.edigeo.read import read_edigeo, read_sheet
from jnt_pipeline.sources.edigeo.sheets import Sheet, is_edigeo, sheets_of

__all__ = ["Sheet", "is_edigeo", "read_edigeo", "read_sheet", "sheets_of"]
