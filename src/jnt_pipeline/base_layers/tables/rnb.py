"""The layer of the national register of buildings (*référentiel national des bâtiments*, RNB)."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema

__all__ = ["RNB"]

RNB: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="rnb_buildings",
        title="Buildings of the national register (RNB)",
        key="rnb_id",
        shape="any",
        is_shared=True,
        columns=(
            Column(
                "rnb_id",
                "text",
                "12 characters of the alphabet of the RNB, upper case, no dash.",
                required=True,
                pattern="[1-9A-HJ-KM-NP-TV-Z]{12}",
            ),
            Column("status", "text", "Life of the building: constructed, notUsable, demolished, …"),
            Column("is_active", "boolean", "Whether the id is in force; merged and split ones are not."),
            Column("address_ids", "text", "Keys of its addresses in the BAN (address_id), joined with |."),
            Column("topo_building_ids", "text", "BD TOPO ids (cleabs) that the register states, joined with |."),
            Column("bdnb_ids", "text", "BDNB ids (bdnb-bc-…) that the register states, joined with |."),
            Column("parcel_ids", "text", "Parcels that the register states, 14 characters, joined with |."),
        ),
    ),
)
