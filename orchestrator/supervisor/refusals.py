class CannotStartError(Exception):
    """`up` refuses to start; the message is one sentence and its remedy, and no traceback."""
