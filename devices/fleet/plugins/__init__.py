"""Callbacks that Ansible loads by their file."""
