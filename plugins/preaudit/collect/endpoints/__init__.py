"""Endpoints: finding them, dialling them, and what each was seen to do."""
