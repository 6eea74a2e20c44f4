"""The handwriting in a field: its cells are located, separated from the print and cut out."""
