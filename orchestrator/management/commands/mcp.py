from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from audit.types import Actor
from governance.models import Domain
from governance.refusals import Refusal
from orchestrator.services import tool_servers


class Command(BaseCommand):
    help = "Register the MCP servers of FILE and those of their tools that it names."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--domain", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            document = yaml.safe_load(file.read_text())
            domain = Domain.objects.get(slug=options["domain"])
            tools = tool_servers.register(
                domain=domain,
                document=document,
                base_dir=file.parent,
                actor=Actor.system("console"),
            )
        except (OSError, ValueError, yaml.YAMLError, Refusal, Domain.DoesNotExist) as error:
            raise CommandError(f"{file}: {error}") from None
        for tool in tools:
            words = {"slug": tool.slug, "risk": tool.get_risk_display()}
            self.stdout.write(_("%(slug)s is registered: %(risk)s") % words)
