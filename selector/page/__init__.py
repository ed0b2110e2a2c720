"""`report.html`: what a build is made of, what was proven, how it sounds; one file that needs no network."""
