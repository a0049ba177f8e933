"""What training costs: jointly, by turns and in parallel; and what a new modality costs."""
