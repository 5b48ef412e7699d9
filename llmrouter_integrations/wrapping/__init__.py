"""What it takes to make a target of another package's model object, whatever its framework.

The objects are pydantic models with fields for their settings, an SDK's client somewhere within,
and answers that say why they ended in their vendor's word.
"""
