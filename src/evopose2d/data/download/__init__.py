"""Bring a dataset to its place on disk, in COCO's layout: drawn, fetched, or taken from a folder."""
