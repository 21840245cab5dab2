"""Access to the pages: roles, lock-outs after wrong passwords, and the second factor."""
