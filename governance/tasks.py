"""What workers do for governance. Messages carry ids; losing or repeating one is harmless."""

from celery import shared_task

from governance.services import notices


@shared_task(name="governance.deliver_notice", soft_time_limit=45, time_limit=55)
def deliver_notice(notice_id: str) -> None:
    """Deliver one notice if it is still due. The limits lie within its lease of 60 seconds."""
    notices.deliver(notice_id=notice_id)
