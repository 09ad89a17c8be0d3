"""Inheritance: from a parent's weights to its child's."""

from evopose2d.inheritance.rules import RULES, inherit, inherit_into

__all__ = ["RULES", "inherit", "inherit_into"]
