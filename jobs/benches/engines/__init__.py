"""Speed of engines."""
