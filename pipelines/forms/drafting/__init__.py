"""A first template from a blank page."""
