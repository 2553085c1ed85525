"""Sound on the laptop and on the device: audio, log-mel features and their input specs."""
