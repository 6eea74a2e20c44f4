"""The scale of the pictures in which printed lines are sought."""

DOTS_PER_MM = 8
"""A handwritten digit is then 20 to 70 dots tall, and a stroke of the pen 2 to 8 wide."""
