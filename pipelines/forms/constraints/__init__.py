"""Which values a field and a form admit: patterns, check digits, ranges, lists and rules, made ready to be searched."""
