"""`tanfeng doctor`: what is wrong with an installation, or will be, and the fix for each."""
