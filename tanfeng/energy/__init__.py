"""What a list of readings books under a policy, and why, without a database."""
