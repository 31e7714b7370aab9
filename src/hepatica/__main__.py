"""``python -m hepatica``: the command line, for torchrun and where scripts are not on the path."""

from hepatica.cli import main

main()
