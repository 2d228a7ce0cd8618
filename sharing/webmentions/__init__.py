"""What pages say to one another: reading what is said of ours, and finding whom to tell of what we say."""
