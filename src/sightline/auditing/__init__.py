"""THE DOOR FOR EVERYBODY: a model and labelled images → what is wrong, and whether it can be mended."""
