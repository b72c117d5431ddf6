"""Runs the whole product on one machine: what `up` starts, watches and stops, in order."""
