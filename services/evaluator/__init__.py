"""Reads figures, decides, writes alert transitions: woken by commits, in one process or several."""
