"""From a scan's bytes to a page laid straight on its template, or to the reason why not."""
