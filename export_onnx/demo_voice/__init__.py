"""The demo voice: a small trained Kokoro in the repository, and how it is made. See README.md."""
