"""What each rule sees: one small function a rule, from the store to observations. Decides nothing."""
