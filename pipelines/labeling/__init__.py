"""Bulk labelling with Ray Data: a place full of images in, one row for every image out, exactly once."""
