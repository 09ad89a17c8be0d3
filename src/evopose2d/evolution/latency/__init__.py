"""How fast individuals' networks are on the device that a search is for."""
