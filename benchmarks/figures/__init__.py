"""The figures of the results pages: one command each, from trainings that are kept."""
