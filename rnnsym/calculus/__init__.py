"""What is known about derivatives: rules of every operator, stable forms, the adjoint and the tangent of a System.

Nothing here knows what a network is.
"""
