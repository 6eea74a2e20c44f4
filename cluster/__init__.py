"""How to get a Ray cluster."""
