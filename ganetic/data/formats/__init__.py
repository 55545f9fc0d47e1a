"""The formats of the files in ``folder:DIR``, a file or folder for each, which registers itself."""
