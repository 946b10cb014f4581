"""Register readings to energy segments: the fold, its policy and its splitting over time; pure."""
