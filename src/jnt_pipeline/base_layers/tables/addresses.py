"""The layer of addresses: national file (*base adresse nationale*, BAN) and local ones (*base adresse locale*, BAL)."""

from __future__ import annotations

from jnt_pipeline.base_layers.columns import Column, LayerSchema

__all__ = ["ADDRESSES"]

ADDRESSES: tuple[LayerSchema, ...] = (
    LayerSchema(
        name="addresses",
        title="Addresses",
        key="address_id",
        shape="point",
        columns=(
            Column("address_id", "text", "Interoperability key: commune_street_number[_suffix] (BAN).", required=True),
            Column("ban_id", "text", "Permanent BAN identifier of the address (UUID), where known."),
            Column("insee_code", "text", "INSEE code of the commune, where the file states it or its key does."),
            Column("commune_name", "text", "Name of the commune."),
            Column("postcode", "text", "Postal code (code postal), 5 characters."),
            Column("street_name", "text", "Name of the street or hamlet (voie, lieu-dit)."),
            Column("local_street_names", "text", "Street name in regional languages, bre=… by code, joined with |."),
            Column("house_number", "integer", "Number (numéro); 99999 stands for a hamlet without numbers."),
            Column("house_suffix", "text", "Suffix of the number (indice de répétition): bis, ter, a, …"),
            Column(
                "position_type",
                "text",
                "What the point marks: entrance, building, staircase, unit, parcel, segment, utility, postal_delivery.",
            ),
            Column("is_certified", "boolean", "Whether the commune certifies the address."),
            Column("parcel_ids", "text", "Parcels that the file states, 14 characters, joined with |."),
            Column("updated_on", "text", "Date of last change in the source, YYYY-MM-DD."),
        ),
    ),
)
