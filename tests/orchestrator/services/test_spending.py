"""What turns draw and are charged, and what becomes of runs that find no budget."""
