"""What tests of hubbub, and of things built on it, can use."""
