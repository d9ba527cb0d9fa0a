"""The tables of the base layers, one module for each family; ``base_layers.schema`` joins them."""
