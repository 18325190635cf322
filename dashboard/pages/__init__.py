"""The pages. Each module offers `register(app, desk)`, which adds its layout and its callbacks."""
