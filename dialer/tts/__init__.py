"""Prompt clips: what a prompt's pieces read as, which file speaks each, and how missing ones are made."""
