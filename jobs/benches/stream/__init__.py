"""Speed, delays and memory of streams."""
