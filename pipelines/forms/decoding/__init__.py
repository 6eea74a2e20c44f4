"""From readings to values: the best value that the constraints of a field and a form admit, and its confidence."""
