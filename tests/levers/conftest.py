"""Deliveries that are held."""

from tests.delivery.conftest import Rig, mx, rig, rig_of, store

__all__ = ["Rig", "mx", "rig", "rig_of", "store"]
