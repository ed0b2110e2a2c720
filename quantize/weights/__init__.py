"""Weights in integers: GPTQ, the second moments it needs, and packed storage."""
