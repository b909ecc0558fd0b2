"""Thin wrappers, without policy, of the kernel's interfaces and systemd's: ioctl, keyctl, sysfs, uevent, sd_notify."""
