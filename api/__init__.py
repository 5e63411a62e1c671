"""The API and the page: what people and programs see of incidents, and how they act."""
