"""The package: `make_packages` writes it, `opened` reads it; the manifest and the other schemas define its content."""
