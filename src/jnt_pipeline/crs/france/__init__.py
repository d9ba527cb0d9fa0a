"""What PROJ does not tell of France: territories, systems, grids and rules, in tables with sources (*tableaux*)."""
