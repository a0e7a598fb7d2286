import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json } from '../../openapi/answers.ts'

/** What a job was called with. */
export function inputPath(base: string, answers: Answers): JsonSchema {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 255 } }
  return { [`${base}/jobs/{id}/input`]: { parameters: [id], get: getInput(answers) } }
}

function getInput(answers: Answers): JsonSchema {
  const given = {
    type: 'object',
    properties: { args: { description: 'A list.' }, kwargs: { description: 'An object.' }, concealed: { const: true } },
    required: ['args', 'kwargs'],
    additionalProperties: false,
  }
  return {
    operationId: 'getJobInput',
    tags: ['fleet'],
    summary: 'What a job was called with; for its owner and admins',
    responses: {
      200: answers.ok('Its arguments; what a codec or `sensitive` covers is `…`.', { content: json(given) }),
      ...answers.problems(false, 'invalid-query', 'forbidden', 'unknown-job', 'input-not-kept'),
    },
  }
}
