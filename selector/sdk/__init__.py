"""What apps embed, in their languages."""
