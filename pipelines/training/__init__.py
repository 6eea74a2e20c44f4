"""Training a reader with Ray Train."""
