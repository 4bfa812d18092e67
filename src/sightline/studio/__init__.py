"""A study as a page in the browser, served to the person at this machine and to nobody else."""
