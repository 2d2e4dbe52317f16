"""Who may be called when: rules as pure functions."""
