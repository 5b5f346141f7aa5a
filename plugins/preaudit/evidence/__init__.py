"""Records, the pack that holds them, and their redaction."""
