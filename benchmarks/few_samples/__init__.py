"""What serves where training samples are few: the experiment behind ``preset: sdml``."""
