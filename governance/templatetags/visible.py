from django import template

register = template.Library()


@register.filter
def visible(value: object) -> str:
    return str(value)


@register.filter
def visible_text(value: object) -> str:
    return str(value)
