"""The workflow file, version 1: reading, checking, its expressions. Pure."""
