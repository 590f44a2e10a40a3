"""The terminal: flags, progress, errors, exit statuses, atomic files."""
