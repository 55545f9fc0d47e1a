"""What long work shows while it runs: a live display on a terminal, plain lines elsewhere."""
