"""What a loss is: text, tree, torch module, screen, fingerprint, card."""
