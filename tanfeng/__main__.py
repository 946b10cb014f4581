"""`python -m tanfeng` is the `tanfeng` command."""

from tanfeng.cli import main

main()
