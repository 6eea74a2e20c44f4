"""Network architectures, their form for publishing, their weights on disk, and CUDA graphs."""
