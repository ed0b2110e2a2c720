"""The stages before the sound: in how many bits their weights are stored, judged by durations."""
