"""Data: folders of recordings, their split by speaker, augmentation, and synthesised words."""
