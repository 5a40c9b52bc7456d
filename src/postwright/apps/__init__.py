"""Processes: wiring only. `cli` is the command, `supervisor` starts the roles, each role has a module."""
