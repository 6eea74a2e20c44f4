"""From readings to values: the best that a field's and a form's constraints admit, and how sure that is."""
