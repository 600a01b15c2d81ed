"""What the most frequent errors mean and what to do about them, in a learner's words, with the operands as they were.

`families` knows the errors by their messages, one file for each group of them; `failure` collects what the traceback
still holds; `expression` finds the failing expression in the text and writes the lines anew.
"""
