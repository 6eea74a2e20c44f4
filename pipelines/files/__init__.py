"""Files here and elsewhere: where they lie, written whole or not at all, locked, listed."""
