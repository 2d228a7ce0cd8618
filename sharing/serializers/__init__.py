"""The JSON that the doors of sharing take and give; one module for each noun."""
