"""From the bytes of a scan to a page registered on its template, or to the reason why it could not be."""
