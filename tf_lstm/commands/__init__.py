"""What the scripts do after they have parsed their flags."""
