"""What commands print: one file for each subject."""
