"""Decisions over figures: what is an alert, since when and until when. Pure: no database, no clock, no network."""
