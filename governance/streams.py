"""Where the history of an action is written."""

from audit.types import StreamKey
from governance.models import Action


def stream_of(action: Action) -> StreamKey:
    """Return its run's stream, or its own when no run stands behind it.

    Everything in an action's life goes there, so that a run's stream alone replays the run.
    """
    if action.run_id is not None:
        return StreamKey("run", str(action.run_id))
    return StreamKey("action", str(action.pk))
