"""How well models read: numbers and plots."""
