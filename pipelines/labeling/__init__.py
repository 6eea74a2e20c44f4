"""Bulk labelling with Ray Data: a place full of images or scans in, rows for every one out, exactly once."""
