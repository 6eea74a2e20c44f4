"""Folders of scanned forms: from a page's bytes to the values in its fields."""
