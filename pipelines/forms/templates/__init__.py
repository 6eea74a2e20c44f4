"""Templates of forms as people write them: read, checked, written."""
