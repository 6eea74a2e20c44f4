"""Runs of digits without cells: found, cut, read."""
