"""Coordinates by compiled kernels: pinned PROJ pipelines evaluated here, each verified against PROJ before use.

Nothing here is imported before a transformation is applied: numba takes a second to load.
"""
