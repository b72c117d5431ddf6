"""Passwords that cost next to nothing to check, because tests set hundreds of them."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """The product's own algorithm with the least memory and time that it allows."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
