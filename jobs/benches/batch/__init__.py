"""Speed of bulk labelling."""
