"""Speed and accuracy on forms."""
