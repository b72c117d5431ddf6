"""The console of a service on this machine: what may be done to it while something is wrong."""
