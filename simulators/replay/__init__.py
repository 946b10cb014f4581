"""Recorded data as readings: each source is a pure function from text lines to samples."""
