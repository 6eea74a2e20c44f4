"""What is written in a field: its cells found, freed from print, cut out."""
