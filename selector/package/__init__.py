"""The package: `make_packages` writes it, `opened` reads it; the manifest and the other schemas say what is in it."""
