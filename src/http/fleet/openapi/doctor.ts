import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { type Answers, json, ref } from '../../openapi/answers.ts'

const BYTES = { type: 'integer', minimum: 0, description: 'Bytes.' }
const SKEW = {
  type: 'integer',
  description:
    "How far its clock is ahead of the server's at least, ms; below 0: behind. Absent where it may be right.",
}
const MOMENT = { type: 'string', format: 'date-time' }
const FINDINGS = { type: 'array', items: ref('schemas', 'Finding') }

/** The documents of what is wrong. */
export const DOCTOR_SCHEMAS: JsonSchema = {
  Finding: {
    type: 'object',
    properties: {
      check: { type: 'string', description: 'Its name, for programs; it never changes.', examples: ['no-worker'] },
      text: { type: 'string', description: 'The evidence, and what to do.' },
    },
    required: ['check', 'text'],
    additionalProperties: false,
  },
  Doctor: {
    type: 'object',
    properties: {
      at: MOMENT,
      version: { type: 'string', description: 'Of celeriac, where the server runs.' },
      findings: FINDINGS,
      stores: { type: 'array', items: ref('schemas', 'DoctorStore') },
      workers: { type: 'array', items: ref('schemas', 'DoctorWorker') },
    },
    required: ['at', 'version', 'findings', 'stores', 'workers'],
    additionalProperties: false,
  },
  DoctorStore: {
    type: 'object',
    properties: {
      url: { type: 'string', description: 'Without a password.' },
      clockSkew: SKEW,
      free: BYTES,
      size: BYTES,
      memory: {
        type: 'object',
        properties: { used: BYTES, limit: BYTES, policy: { type: 'string' } },
        required: ['used', 'limit', 'policy'],
      },
      connections: {
        type: 'object',
        properties: { used: { type: 'integer' }, limit: { type: 'integer' } },
        required: ['used', 'limit'],
      },
    },
    required: ['url'],
    additionalProperties: false,
  },
  DoctorWorker: {
    type: 'object',
    description: 'A worker of celeriac that answers.',
    properties: {
      name: { type: 'string' },
      version: { type: 'string' },
      ready: { type: 'boolean', description: 'It takes tasks now.' },
      quiet: { type: 'boolean', description: 'It takes none because it was asked not to.' },
      clockSkew: SKEW,
    },
    required: ['name', 'version', 'ready', 'quiet'],
    additionalProperties: false,
  },
  JobDiagnosis: {
    type: 'object',
    properties: { id: { type: 'string' }, at: MOMENT, findings: FINDINGS },
    required: ['id', 'at', 'findings'],
    additionalProperties: false,
  },
}

/** The paths of what is wrong. */
export function doctorPaths(base: string, answers: Answers): JsonSchema {
  return {
    [`${base}/doctor`]: {
      get: {
        operationId: 'examine',
        tags: ['fleet'],
        summary: 'What is wrong with the installation',
        description: 'For viewers. It takes a second, in which workers reply, and 10 s at most.',
        responses: {
          200: answers.ok('What was found.', { content: json(ref('schemas', 'Doctor')) }),
          ...answers.problems(false, 'invalid-query', 'forbidden'),
        },
      },
    },
    [`${base}/doctor/jobs/{id}`]: {
      parameters: [
        { name: 'id', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 255 } },
      ],
      get: {
        operationId: 'examineJob',
        tags: ['fleet'],
        summary: 'Why a job does not run',
        description: 'For viewers. The first finding is the most likely reason.',
        responses: {
          200: answers.ok('What was found.', { content: json(ref('schemas', 'JobDiagnosis')) }),
          ...answers.problems(false, 'invalid-query', 'forbidden', 'unknown-job'),
        },
      },
    },
  }
}
