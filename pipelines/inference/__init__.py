"""Trained models made ready to read images and lines."""
