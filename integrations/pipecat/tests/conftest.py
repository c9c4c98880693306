"""The platform that the tests talk to."""

from platform_fixture import Platform, platform, running_platform

__all__ = ["Platform", "platform", "running_platform"]
