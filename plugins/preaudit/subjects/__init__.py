"""What a check can be about, read from a snapshot without any input or output."""
