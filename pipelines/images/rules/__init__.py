"""Printed lines beside, around and through handwriting: found, and removed without the strokes that cross them."""
