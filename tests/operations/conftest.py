"""Deliveries to ask about."""

from tests.delivery.conftest import Rig, Rigs, mx, rig, rig_of, store, until

__all__ = ["Rig", "Rigs", "mx", "rig", "rig_of", "store", "until"]
