"""The package: manifest, schemas, providers, and how its files are written and opened."""
