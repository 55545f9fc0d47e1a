"""What builds the documentation: the generated reference pages and the site's hook."""
