"""The image that a task runs in when its pipeline does not name another."""

IMAGE = "sdml:0.1.0-cpu"
