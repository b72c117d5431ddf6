"""Says what is wrong with this machine or this instance."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from orchestrator.selectors import diagnosis


class Command(BaseCommand):
    help = "Looks at versions, programs, clock, database, broker and queues; exit 1 if one is bad."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        is_well = True
        for check in diagnosis.findings():
            mark = self.style.SUCCESS("ok ") if check.is_good else self.style.ERROR("BAD")
            self.stdout.write(f"{mark} {check.name:<11} {check.detail}")
            is_well = is_well and check.is_good
        if not is_well:
            sys.exit(1)
