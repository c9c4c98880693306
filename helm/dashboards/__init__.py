"""The Grafana dashboards, as code that writes what the chart installs."""
