import { expect, test } from 'vitest'
import { mermaidOf } from '../../src/cli/mermaid.ts'
import type { WorkflowNode, WorkflowTree } from '../../src/protocol/workflowTree.ts'

const node = (id: string, more: Partial<WorkflowNode> = {}): WorkflowNode => ({
  id,
  kind: 'task',
  task: 'add',
  state: 'SUCCESS',
  group: null,
  createdAt: null,
  startedAt: null,
  finishedAt: null,
  ...more,
})

const tree: WorkflowTree = {
  id: 'sum',
  rootId: 'one',
  state: 'PENDING',
  total: 3,
  done: 2,
  truncated: false,
  nodes: [
    node('g', { kind: 'group', task: null, state: 'FAILURE' }),
    node('one', { group: 'g' }),
    node('two', { group: 'g', state: 'FAILURE', error: { type: 'RangeError', message: 'x' } }),
    node('sum', { task: 'say "hi"]; click', state: 'PENDING' }),
  ],
  edges: [
    { from: 'g', to: 'sum', kind: 'body' },
    { from: 'one', to: 'sum', kind: 'child' },
  ],
}

test('a flowchart: groups as boxes, a class for each state, and no name that Mermaid would read', () => {
  expect(mermaidOf(tree)).toBe(`flowchart LR
  %% 2 of 3 tasks have ended
  subgraph n0["group<br/>FAILURE"]
    n1["add<br/>SUCCESS"]:::SUCCESS
    n2["add<br/>FAILURE: RangeError"]:::FAILURE
  end
  n3["say #34;hi#34;#93;#59; click<br/>PENDING"]:::PENDING
  n0 --> n3
  n1 -.-> n3
  classDef PENDING fill:#f1f3f5,stroke:#868e96,color:#000
  classDef SUCCESS fill:#d3f9d8,stroke:#2f9e44,color:#000
  classDef FAILURE fill:#ffe3e3,stroke:#e03131,color:#000
`)
})
