"""What the numbers mean, and the store."""
