"""The live view of `tanfeng up --demo`."""
