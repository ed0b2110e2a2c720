"""The vocoder in integers: where channels may be rescaled, how, and what stays in float."""
