"""How this project compares with the original implementation, and what a search costs: run from the repository's root.

``python -m benchmarks --help`` lists the measurements. What tells users how fast their own machine is, is a command
of the package: ``evopose2d benchmark``.
"""
