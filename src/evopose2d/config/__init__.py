"""The configuration: ``params.yaml`` as checked dataclasses."""
