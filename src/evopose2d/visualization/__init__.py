"""Pictures for people: poses on images, grids of them, and curves."""
