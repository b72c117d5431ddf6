"""The product's settings, with one more tool for the workers of these tests."""

from orchestrator.settings import *  # noqa: F403 - every setting of the product
from orchestrator.settings import INSTALLED_APPS as PRODUCT

INSTALLED_APPS = [*PRODUCT, "tests.orchestrator.kill"]
