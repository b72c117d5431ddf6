"""What `audit.migrations` may look like after a later release that alters its tables."""
