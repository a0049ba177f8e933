"""The compiled pipelines that are kept beside their sources, and the experiments they are of."""

# file of the pipeline → (pipeline, experiment file)
FILES = {
    "train.pipeline.yaml": ("train", "digits.yaml"),
    "new-modality.pipeline.yaml": ("new-modality", "digits-audio.yaml"),
    "sweep.pipeline.yaml": ("sweep", "digits.yaml"),
    "prior.pipeline.yaml": ("prior", "digits-drcl.yaml"),
    "gpu-classes.pipeline.yaml": ("train", "gpu-classes.yaml"),
}
