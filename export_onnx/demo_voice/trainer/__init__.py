"""Makes the demo voice: teacher, student, training, evaluation."""
