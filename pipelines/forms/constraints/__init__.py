"""The values that a field and a form admit: patterns, check digits, ranges, lists and rules, prepared for searching."""
