"""Folders of scanned forms: from the bytes of a page to the values of its fields."""
