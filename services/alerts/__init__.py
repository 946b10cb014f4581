"""Alerts: each rule with its words and thresholds, what it sees in the store, and the loop that looks."""
