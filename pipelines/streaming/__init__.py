"""Endless sources read with Ray: every item has its rows exactly once, whatever dies meanwhile."""
