"""Sources: what producers deliver, read into native layers; one module per kind, one declaration each."""
