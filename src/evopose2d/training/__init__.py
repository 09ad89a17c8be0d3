"""Training: losses, learning rates, the loop that survives being killed."""
