"""What a run is told of although nothing failed: gradients that pile up, a loss that went NaN, softmax twice and more.

`lookout` looks at each step when it is complete, and at the whole run at its end. What the structure tells is looked
for once per structure; what the numbers tell costs one comparison a step until something is wrong.
"""
