"""Releases on this machine: a commit is packed, laid down beside the others, and switched to."""
