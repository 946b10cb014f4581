"""The command, and the embedded default that runs everything on one machine."""
