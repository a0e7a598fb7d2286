import type { JsonSchema } from '../../std/jsonSchema.ts'
import { listWorkflows } from '../fleet/openapi/recordedWorkflows.ts'
import { WORKFLOW_OPTIONS_SCHEMA } from '../input/workflowOptions.ts'
import { type Answers, json, ref, SUBMIT_PROBLEMS } from './answers.ts'
import { ACCEPTED_HEADERS, ID_PARAMETER } from './jobs.ts'
import { linksFromBody } from './links.ts'

/* Workflows: the operations, and the schemas of their documents. */

const text = { type: 'string' }
const moment = { type: ['string', 'null'], format: 'date-time' }

const signature: JsonSchema = {
  description:
    'The call of a task, or a workflow: a chain or a group of `kwargs.tasks`, a chord of `kwargs.header` and `kwargs.body`. It is what `JSON.stringify(workflow)` makes, and what Celery calls a signature.',
  type: 'object',
  properties: {
    task: {
      ...text,
      description: 'An exposed task, `celery.chain`, `.group`, `.chord`, `.map`, `.starmap` or `.chunks`.',
    },
    args: {
      type: ['array', 'null'],
      description: 'Its arguments; those of a step that follows another come after its result.',
    },
    kwargs: { type: ['object', 'null'] },
    options: WORKFLOW_OPTIONS_SCHEMA,
    subtask_type: { enum: [null, 'chain', 'group', 'chord'] },
    immutable: { type: ['boolean', 'null'], description: 'True: it does not take the result of the step before it.' },
    chord_size: { type: ['integer', 'null'], description: 'Written by Celery, and not used.' },
  },
  required: ['task'],
  additionalProperties: false,
}

const node: JsonSchema = {
  description: 'A task of a workflow, or a group of tasks.',
  type: 'object',
  properties: {
    id: text,
    kind: { enum: ['task', 'group'] },
    task: { type: ['string', 'null'] },
    state: text,
    group: { type: ['string', 'null'], description: 'The group that it is in.' },
    createdAt: moment,
    startedAt: moment,
    finishedAt: moment,
    error: ref('schemas', 'JobError'),
  },
  required: ['id', 'kind', 'task', 'state', 'group', 'createdAt', 'startedAt', 'finishedAt'],
}

const edge: JsonSchema = {
  type: 'object',
  properties: { from: text, to: text, kind: { enum: ['next', 'body', 'child'] } },
  required: ['from', 'to', 'kind'],
}

const tree: JsonSchema = {
  description: 'The tasks of a workflow, and what follows from what.',
  type: 'object',
  properties: {
    id: { ...text, description: 'Id of its result: of a job, or of a group.' },
    rootId: { ...text, description: 'Id of the task that ran first.' },
    state: { ...text, description: 'Of its result.' },
    total: { type: 'integer', description: 'How many tasks are known, sent or not.' },
    done: { type: 'integer', description: 'How many of the nodes have ended.' },
    truncated: { type: 'boolean', description: 'It has more tasks than `nodes` shows.' },
    nodes: { type: 'array', items: ref('schemas', 'WorkflowNode') },
    edges: { type: 'array', items: ref('schemas', 'WorkflowEdge') },
  },
  required: ['id', 'rootId', 'state', 'total', 'done', 'truncated', 'nodes', 'edges'],
}

export const WORKFLOW_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Signature: signature,
  WorkflowTree: tree,
  WorkflowNode: node,
  WorkflowEdge: edge,
}

/** The path that workflows are submitted to; where a fleet is shown, those that were recorded are listed there. */
export function workflowPath(
  base: string,
  answers: Answers,
  { webhooks, fleet }: { readonly webhooks: boolean; readonly fleet: boolean },
): JsonSchema {
  const { 'Preference-Applied': _, ...accepted } = ACCEPTED_HEADERS
  const submitWorkflow = {
    operationId: 'submitWorkflow',
    tags: ['workflows'],
    summary: 'Submit a workflow',
    description:
      'All of it is checked before anything is sent: each task that it names must be exposed to the caller, and each argument must fit. The job is that of its result; of a group, `progress` says how many of its members have ended.',
    parameters: [ref('parameters', 'IdempotencyKey'), ref('parameters', 'Tag')],
    requestBody: { required: true, content: json(ref('schemas', 'Signature')) },
    responses: {
      202: answers.ok('Submitted.', {
        content: json(ref('schemas', 'Job')),
        headers: accepted,
        links: linksFromBody('getJob', 'getResult', 'getEvents', 'getWorkflow', 'cancelJob'),
      }),
      ...answers.problems(
        true,
        'invalid-workflow',
        'invalid-query',
        ...(webhooks ? (['invalid-webhook'] as const) : []),
        'malformed-body',
        'invalid-idempotency-key',
        'forbidden',
        'unknown-task',
        'cannot-join',
        ...SUBMIT_PROBLEMS,
      ),
    },
  }
  return { [`${base}/workflows`]: { ...(fleet && { get: listWorkflows(answers) }), post: submitWorkflow } }
}

/** The path of the tree of a workflow. */
export function treePath(base: string, answers: Answers): JsonSchema {
  const schema = ref('schemas', 'WorkflowTree')
  const getWorkflow = {
    operationId: 'getWorkflow',
    tags: ['workflows'],
    summary: 'The tree of the workflow that a job is the result, or the first task, of',
    description:
      'With `Accept: text/event-stream` it is a stream: one event `workflow` with the tree, then events `change` with its new state and counts, and the nodes and edges that are new or have changed, until the end.',
    responses: {
      200: answers.ok('The tree.', {
        content: { ...json(schema), 'text/event-stream': { schema: text } },
        headers: { 'Retry-After': ref('headers', 'RetryAfter') },
      }),
      204: answers.ok('The client knows the end: there is nothing more to come.'),
      ...answers.problems(false, 'unknown-job', 'job-expired'),
    },
  }
  return { [`${base}/jobs/{id}/workflow`]: { parameters: [ID_PARAMETER], get: getWorkflow } }
}
