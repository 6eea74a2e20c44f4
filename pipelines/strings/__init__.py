"""Runs of digits without cells: found, brought into a line, and read whole."""
