"""What a person sees at the terminal, and what they can press there."""
