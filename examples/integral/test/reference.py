"""Evaluate expressions of xs with NumPy, for the tests.

In: JSON {"expressions": [...], "xs": base64 of doubles, "noise": [...]}.
Out: one line per expression with base64 of doubles, len(xs) of them for each noise. A noise other than 0 disturbs every
intermediate result by that share, which tells how much a result owes to rounding.
"""
import ast, base64, json, sys
import numpy as np

ALIASES = {
    'asin': 'arcsin', 'acos': 'arccos', 'atan': 'arctan', 'atan2': 'arctan2', 'asinh': 'arcsinh', 'acosh': 'arccosh',
    'atanh': 'arctanh', 'pow': 'power', 'abs': 'absolute',
}


class Names(dict):
    def __missing__(self, name):
        return getattr(np, ALIASES.get(name, name))


class Disturb(ast.NodeTransformer):
    """Numbers become float64, so that 1/0 is infinity as in an array; results other than exponents are disturbed."""

    def wrap(self, node):
        self.generic_visit(node)
        return ast.Call(ast.Name('disturb', ast.Load()), [node], [])

    def visit_Constant(self, node):
        return ast.Call(ast.Name('float64', ast.Load()), [node], [])

    def visit_Name(self, node):
        return self.wrap(node) if node.id in ('xs', 'x') else node

    def visit_Call(self, node):
        node.args = [self.visit(argument) for argument in node.args]
        return ast.Call(ast.Name('disturb', ast.Load()), [node], [])

    def visit_BinOp(self, node):
        node.left = self.visit(node.left)
        node.right = (Exponent() if isinstance(node.op, ast.Pow) else self).visit(node.right)
        return ast.Call(ast.Name('disturb', ast.Load()), [node], [])


class Exponent(Disturb):
    def wrap(self, node):
        return node

    def visit_Call(self, node):
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_BinOp(self, node):
        return self.generic_visit(node)


def evaluate(text, xs, noise):
    tree = ast.fix_missing_locations(Disturb().visit(ast.parse(text.strip(), mode='eval')))
    count = 0

    def disturb(value):
        nonlocal count
        count += 1
        return value if noise == 0 else value * (1 + (noise if count * 7 % 3 else -noise))

    names = Names(xs=xs, x=xs, disturb=disturb, np=np)
    return np.broadcast_to(eval(compile(tree, '<expression>', 'eval'), names), xs.shape)


np.seterr(all='ignore')
job = json.load(sys.stdin)
points = np.frombuffer(base64.b64decode(job['xs']), '<f8')
for expression in job['expressions']:
    values = np.concatenate([evaluate(expression, points, noise) for noise in job['noise']])
    print(base64.b64encode(values.astype('<f8').tobytes()).decode())
