"""Roofs (*toitures*): planes, faces and closed solids of buildings from their own LiDAR points."""
