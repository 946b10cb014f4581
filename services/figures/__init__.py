"""Figures as people read them: by scope, grain and moment, with the factors they follow from and who may read them."""
