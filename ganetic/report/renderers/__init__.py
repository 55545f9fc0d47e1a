"""What becomes of a page or a table: a file for each form. None knows what the pages are about."""
