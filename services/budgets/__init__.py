"""What a budget is: its file, its units and the split of a year into months. Pure."""
