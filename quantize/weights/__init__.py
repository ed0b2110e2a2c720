"""Weights as integers: GPTQ, the second moments that it needs, and storage in 8 to 16 bits."""
