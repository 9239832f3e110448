"""Plugins of the whole test run; what they offer is documented in tests/plugins."""

pytest_plugins = ["tests.plugins.servers", "tests.plugins.feature_report"]
