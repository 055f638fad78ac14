"""hubbub and others, measured side by side; README.md beside this file tells how and what."""
