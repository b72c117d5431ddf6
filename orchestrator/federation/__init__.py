"""How work reaches another domain: a seam, and the way within one instance."""
