"""How the demo voice is made: teacher, student, training, evaluation."""
