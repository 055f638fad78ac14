"""Values and rules of the house, without any input or output. Imports nothing else of hubbub."""
