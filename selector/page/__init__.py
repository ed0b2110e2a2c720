"""`report.html`: a build's parts, proofs and sound, as one file that needs no network."""
