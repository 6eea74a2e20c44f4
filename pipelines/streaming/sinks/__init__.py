"""Where the rows of a stream go."""
