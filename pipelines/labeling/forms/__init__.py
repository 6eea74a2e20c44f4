"""Forms in bulk: a page is an item, and has a row for each of its fields."""
