"""What the checks of the suite ``safety`` read answers with: stances, leaks, orders obeyed, personal data, help."""
