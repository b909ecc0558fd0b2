"""What must hold before a drive is changed: gates, rules as data, exclusion, who uses it."""
