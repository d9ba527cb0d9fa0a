"""Vegetation (*végétation*): trees and their crowns, from heights of vegetation above the ground."""
