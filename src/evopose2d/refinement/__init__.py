"""Poses of any method refined by a network that was trained for it."""
