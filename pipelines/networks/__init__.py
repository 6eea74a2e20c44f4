"""The networks, what is published of them, and their weights on disk."""
