"""How fast parts of the project run on a machine."""
