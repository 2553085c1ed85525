"""Data: folders of recordings, their split by speaker, augmentation, and synthesized words."""
