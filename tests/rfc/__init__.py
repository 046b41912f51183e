"""The rule suite: a table of cases for each section, run against the core and every driver."""
