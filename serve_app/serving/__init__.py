"""The data plane: models, batches, and what they read, whatever the protocol."""
