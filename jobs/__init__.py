"""What a person submits: one file, one job, one dataclass of options."""
