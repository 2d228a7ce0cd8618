"""Pictures of 1200 by 630 pixels for what has none of its own: drawn here, from fonts that come as Python packages."""
