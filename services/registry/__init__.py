"""The registry file: who is watched, read and checked line by line, and planned against what is stored; pure."""
