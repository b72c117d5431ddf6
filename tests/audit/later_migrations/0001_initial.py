# ruff: noqa: N999 - Django's name for a migration
from importlib import import_module

Migration = import_module("audit.migrations.0001_initial").Migration
