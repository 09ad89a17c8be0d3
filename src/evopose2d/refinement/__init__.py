"""Poses of any method made better by a network that was trained to refine them."""
