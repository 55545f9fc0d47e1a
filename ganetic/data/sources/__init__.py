"""The sources of images, a file for each, which registers itself."""
