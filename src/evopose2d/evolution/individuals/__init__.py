"""What an individual is trained from, what comes back, and where both are kept."""
