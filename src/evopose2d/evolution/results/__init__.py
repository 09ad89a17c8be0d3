"""A search as it lies on disk, and what can be said of it."""
