"""The stages before the vocoder: the number of bits in which their weights are stored, judged by durations."""
