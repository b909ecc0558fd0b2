"""Support bundles: what is known of drives and of the daemon, collected within deadlines into one file."""
