"""What changes sites, their keys and their articles; one module for each noun."""
