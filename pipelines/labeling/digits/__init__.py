"""Digits in bulk: an image is an item, and has one row."""
