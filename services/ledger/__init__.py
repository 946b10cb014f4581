"""From readings to books: intake, booking, late data, acts, and their verification."""
