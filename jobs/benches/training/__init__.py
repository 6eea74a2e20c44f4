"""Speed of training, and what each part of a recipe is worth."""
