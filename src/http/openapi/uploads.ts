import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type Answers, json } from './answers.ts'

/** The paths of inputs that come before their calls. */
export function uploadPaths(base: string, answers: Answers): JsonSchema {
  const token = { name: 'token', in: 'path', required: true, schema: { type: 'string' } }
  return {
    [`${base}/payloads`]: { post: openUpload(answers) },
    [`${base}/payloads/{token}`]: { parameters: [token], put: putUpload(answers) },
  }
}

function openUpload(answers: Answers): JsonSchema {
  const text = { type: 'string' }
  const schema = {
    type: 'object',
    properties: {
      url: { ...text, description: 'Where the input is put: a path here, or the URL of another server.' },
      method: { const: 'PUT' },
      upload: { ...text, description: 'Names it in the call: the header `Celeriac-Upload` of `POST /tasks/{name}`.' },
      expires: { ...text, format: 'date-time', description: 'Until then it can be put, and used.' },
    },
    required: ['url', 'method', 'upload', 'expires'],
  }
  return {
    operationId: 'openUpload',
    tags: ['tasks'],
    summary: 'Ask for a URL that takes an input which is longer than a body may be',
    responses: {
      201: answers.ok('Put the input there, then call the task.', { content: json(schema) }),
      ...answers.problems(true),
    },
  }
}

function putUpload(answers: Answers): JsonSchema {
  return {
    operationId: 'putUpload',
    tags: ['tasks'],
    summary: 'Put an input',
    requestBody: { content: { '*/*': {} } },
    responses: {
      204: { description: 'It is kept.' },
      ...answers.problems(true, 'forbidden', 'body-too-large'),
    },
  }
}
