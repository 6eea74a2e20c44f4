"""Digits, and what is none, drawn by a pen."""
