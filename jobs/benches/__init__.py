"""The benches behind jobs/bench.py; each measures inkray and its rivals in one run."""
