"""What a request body may hold: what is written down, and nothing else."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class FlatJSONParser(JSONParser):
    """Refuses what is nested deeper than can be read, instead of breaking over it."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body as JSON; raises ParseError (400)."""
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError(_("The body is nested too deeply.")) from None


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members it does not know, so that a misspelt or forbidden one is never ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values; raises ValidationError naming every unknown member."""
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {name: [_("This is not a member of the request.")] for name in sorted(unknown)}
            )
        return super().to_internal_value(data)
