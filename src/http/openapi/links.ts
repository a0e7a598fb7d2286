import type { JsonSchema } from '../../std/jsonSchema.ts'

/* OpenAPI links: how a client comes from one operation to the next without making a URL. */

const DESCRIPTIONS = {
  getJob: 'The state of the job.',
  getResult: 'The result of the job alone.',
  getEvents: 'The events of the job, as they happen.',
  cancelJob: 'Cancel the job.',
  retryJob: 'Submit the job once more, when it has ended.',
  getWorkflow: 'The tree of the workflow.',
  getBatch: 'The states of the jobs of the batch.',
} as const

type LinkedOperation = keyof typeof DESCRIPTIONS

/** Links from an answer whose body has the id. */
export function linksFromBody(...operations: readonly LinkedOperation[]): JsonSchema {
  return links('$response.body#/id', operations)
}

/** Links from an answer to a request whose path has the id. */
export function linksFromPath(...operations: readonly LinkedOperation[]): JsonSchema {
  return links('$request.path.id', operations)
}

function links(id: string, operations: readonly LinkedOperation[]): JsonSchema {
  return Object.fromEntries(
    operations.map((operationId) => [
      operationId,
      { operationId, parameters: { id }, description: DESCRIPTIONS[operationId] },
    ]),
  )
}
