"""The rules: what each looks at, its thresholds from a YAML file, the one line it says. Pure but for shipped files."""
