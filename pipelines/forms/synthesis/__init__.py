"""Synthetic forms: printed designs, filled in by pens with known answers, and scanned."""
