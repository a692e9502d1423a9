"""`python -m lowtide.cli`: the same as the console script."""

from lowtide.cli import main

main()
