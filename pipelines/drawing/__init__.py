"""Synthetic digits and non-digits, drawn by a pen."""
