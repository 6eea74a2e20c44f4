"""Templates of forms as people write them: reading, checking and writing."""
