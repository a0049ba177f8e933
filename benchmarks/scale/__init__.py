"""Growth: a cost model fitted to measurements, and a simulated queue of trainings."""
