"""The page at `/`: static files, served by web. Plain ES modules, no build step, nothing from elsewhere."""
