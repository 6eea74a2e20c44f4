"""Starts and stops Ray clusters."""
