"""The online server."""
