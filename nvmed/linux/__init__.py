"""The kernel's edge: ioctl, keyctl, sysfs, uevent and systemd, wrapped thinly and without policy."""
