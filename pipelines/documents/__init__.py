"""Documents (PDF, TIFF and other image files) as pages of pixels; untrusted ones are opened in worker processes."""
