"""Where the events of an action's life go."""

from audit.types import StreamKey
from governance.models import Action


def stream_of(action: Action) -> StreamKey:
    """Return the stream of the run behind the action, or its own when no run stands behind it.

    Everything in an action's life goes to one stream, so a run's stream alone replays the run.
    """
    if action.run_id:
        return StreamKey("run", str(action.run_id))
    return StreamKey("action", str(action.pk))
