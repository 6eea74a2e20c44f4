"""The online door."""
