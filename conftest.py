"""Plugins of the whole test run; what they offer is documented in tests/plugins."""

pytest_plugins = ["tests.plugins.ports", "tests.plugins.servers", "tests.plugins.feature_report"]
