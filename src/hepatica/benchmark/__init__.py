"""How long things take on this machine, beside what they are compared with."""
