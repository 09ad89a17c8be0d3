"""A trained network at work: on arrays, images and videos, and behind a model server."""
