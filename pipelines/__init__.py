"""Everything that thinks: imports nothing from jobs, serve_app or cluster."""
