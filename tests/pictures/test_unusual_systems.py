"""Systems of unusual form draw as well: nothing that the language can say is left out."""

from __future__ import annotations

import pytest

from rnnsym.derivation.derive import derive
from rnnsym.language import parse
from rnnsym.pictures import backpropagation, data_flow, structure, unfolded
from rnnsym.pictures.geometry import faults

SYSTEMS = {
    "no recurrence": """
x: input[n]
y: target[n]
p[t]=softmax(W@x[t]+b)
loss[t]=cross_entropy(y[t],p[t])
""",
    "no loss": """
x: input[n]
h: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
""",
    "nothing runs over time": """
x: input[n]
y: target[n]
p=softmax(W@x+b)
loss=cross_entropy(y,p)
""",
    "a context per sequence": """
x: input[n]
z: input[m]
y: target[n]
h: vector[n]
c: vector[k]
c=tanh(A@z+a)
h[t]=tanh(W@x[t]+U@h[t-1]+D@c)
q[t]=V@h[t]+F@c
loss[t]=squared_error(y[t],q[t])
""",
    "an encoder and a decoder": """
x: input[n]
y: target[n]
h: vector[n]
s: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
s[0]=h[T]
s[t]=tanh(S@s[t-1]+E@h[T])
loss[t]=squared_error(y[t],s[t])
""",
    "a decoder from the last state alone": """
x: input[n]
y: target[n]
h: vector[n]
s: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
s[0]=h[T]
s[t]=tanh(S@s[t-1]+c)
loss[t]=squared_error(y[t],s[t])
""",
    "a decoder from both ends of an encoder in both directions": """
x: input[n]
y: target[n]
h: vector[n]
g: vector[n]
s: vector[n]
k: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
g[t]=tanh(D@x[t]+E@g[t+1])
s[0]=tanh(A@h[T]+B@g[1])
k[0]=g[1]
s[t]=tanh(S@s[t-1]+k[t])
k[t]=tanh(R@s[t-1]+F@k[t-1])
loss[t]=squared_error(y[t],s[t])
""",
    "a decoder that runs backwards from the mean and the last state": """
x: input[n]
h: vector[n]
M: matrix[n,n]
z: input[n]
h[t]=tanh(W@x[t]+U@h[t-1])
m=total(h[t])*0.1
M[T+1]=outer(h[T],m)
M[t]=0.5*M[t+1]+outer(x[t],z)
loss[t]=squared_error(x[t],M[t]@u)
loss=sum(h[1])
""",
    "starts from a sum over time, from data of the sequence, and at a lag": """
x: input[n]
z: input[n]
h: vector[n]
s: vector[n]
h[0]=tanh(z)
h[t]=tanh(W@x[t]+U@h[t-1])
s[0]=tanh(total(h[t]))
s[-1]=h[T]
s[t]=tanh(S@s[t-1]+R@s[t-2])
loss[t]=squared_error(x[t],s[t])
""",
    "a mean over time that every step reads": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
m=total(h[t])
q[t]=h[t]-m*0.1
loss[t]=squared_error(y[t],q[t])
loss=0.1*dot(h[T],h[1])
""",
    "first, last and all steps inside a running equation": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
q[t]=h[t]-total(h[t])*0.1+h[T]+h[1]
loss[t]=squared_error(y[t],q[t])
""",
    "reads of the past and of the future": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh(W@x[t+2]+U@h[t+1]+K@h[t+3]+x[t-1])
loss[t]=squared_error(y[t],h[t])
""",
    "other names for the same value": """
x: input[n]
y: target[n]
h: vector[n]
z[t]=x[t]
h[t]=z[t]
c[t]=h[t-1]+h[t]
loss[t]=squared_error(y[t],c[t])
""",
    "a value times itself": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=h[t-1]*h[t-1]+x[t]*x[t]
loss[t]=squared_error(y[t],h[t]**2)
""",
    "one operand twice": """
x: input[n]
h: vector[n]
h[t]=tanh(x[t]+x[t]*h[t-1])
loss[t]=squared_error(h[t],h[t])+sum(h[t])+sum(h[t])*2
""",
    "conditionals": """
x: input[n]
y: target[n]
h: vector[n]
m: input
h[t]=tanh(W@x[t]+U@h[t-1]) if m[t]>0.5 else h[t-1]
k[t]=h[t] if t==1 else 0.5*h[t]
loss[t]=squared_error(y[t],k[t]) if t==T else 0
""",
    "comparison of two values": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=max(x[t],U@h[t-1],min(x[t],0.5)) if x[t] >= h[t-1] else clip(x[t],-1,1)
loss[t]=squared_error(y[t],h[t])
""",
    "a matrix state": """
X: input[n,m]
y: target[n]
S: matrix[n,m]
S[t]=tanh(A@X[t]@B+S[t-1])
loss[t]=squared_error(y[t],S[t]@c)+norm(S[t])
""",
    "long names": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh((W@(x[t]*exp(-sigmoid(a_very_long_parameter_name)*another_long_name))+U@h[t-1]) / (1+exp(b_long_name_here)*c_longest_name_of_all)+d)
loss[t]=squared_error(y[t],h[t])
""",
    "a target of the step before": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh(W@x[t]+U@y[t-1])
loss[t]=squared_error(y[t],h[t])
""",
    "two targets and a loss without time": """
x: input[n]
y: target[n]
w: target[n]
h: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
loss[t]=squared_error(y[t],h[t])+squared_error(w[t],h[t])
loss=sum(W**2)
""",
    "a loss that is read": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh(W@x[t]+U@h[t-1])
loss[t]=squared_error(y[t],h[t])+0.1*loss[t-1]
""",
    "no input is read": """
x: input[n]
y: target[n]
h: vector[n]
h[t]=tanh(b+h[t-1])
loss[t]=squared_error(y[t],h[t])
""",
    "no input at all": """
y: target[n]
h: vector[n]
h[0]=h_0
h[t]=tanh(U@h[t-1]+b)
loss[t]=squared_error(y[t],h[t])
""",
}


@pytest.mark.parametrize("text", SYSTEMS.values(), ids=list(SYSTEMS))
def test_it_draws_cleanly(text):
    system = parse(text.strip())
    for drawing in (structure(system), unfolded(system), backpropagation(derive(system)), data_flow(system)):
        assert faults(drawing) == ()
        assert drawing.nodes
