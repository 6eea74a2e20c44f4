"""Numbers without cells: found in an image, levelled into a line, and read as a whole."""
