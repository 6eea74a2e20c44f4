"""Documents from outside (PDF, TIFF and other image files): their pages as pixels, opened in processes that may die."""
