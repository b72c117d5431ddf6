"""`{% load visible_text %}`: the filter every text from outside goes through on a page."""

from django import template
from django.template.defaultfilters import stringfilter

from governance.visible import visible

register = template.Library()

register.filter("visible", stringfilter(visible))
