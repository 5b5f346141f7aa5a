"""Views of records and manifest for people and for other tools; pure functions."""
