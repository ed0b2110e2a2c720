"""The vocoder in integers: where and how its channels are rescaled, and which convolutions stay in float."""
