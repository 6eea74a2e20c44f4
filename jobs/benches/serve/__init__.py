"""Speed online."""
