"""Simulated plants with known truth, and replay of recorded data."""
