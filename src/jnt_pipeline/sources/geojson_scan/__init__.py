"""Very large GeoJSON, read in windows: features found, geometries turned into WKB, properties into Arrow columns."""
