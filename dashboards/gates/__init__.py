"""What holds the dashboards against Grafana itself."""
