"""The benches behind jobs/bench.py: each measures ours and its rivals in one run."""
