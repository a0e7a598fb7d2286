import type { JsonSchema } from '../../std/jsonSchema.ts'
import { PROBLEMS, type ProblemKind, problemType } from '../output/problem.ts'

/* The answers of operations: what all share, and which problems each may meet. */

/** What of an API changes every one of its answers. */
export interface AnswerFacts {
  /** Authentication is required. */
  readonly secured: boolean
  /** Requests are counted. */
  readonly limited: boolean
  /** Changes are in the audit log, and obey roles. */
  readonly audited: boolean
}

const RATE_HEADERS = { RateLimit: ref('headers', 'RateLimit'), 'RateLimit-Policy': ref('headers', 'RateLimitPolicy') }
/** Headers that go with a problem. */
const PROBLEM_HEADERS: Readonly<Partial<Record<ProblemKind, JsonSchema>>> = {
  unauthorized: { 'WWW-Authenticate': ref('headers', 'WwwAuthenticate') },
  'key-in-use': { 'Retry-After': ref('headers', 'RetryAfter') },
  'range-not-satisfiable': {
    'Content-Range': ref('headers', 'ContentRange'),
    'Accept-Ranges': ref('headers', 'AcceptRanges'),
  },
  'rate-limited': { 'Retry-After': ref('headers', 'RetryAfter') },
  overloaded: { 'Retry-After': ref('headers', 'RetryAfter') },
  'audit-unavailable': { 'Retry-After': ref('headers', 'RetryAfter') },
  'queue-full': { 'Retry-After': ref('headers', 'RetryAfter') },
  'store-unavailable': { 'Retry-After': ref('headers', 'RetryAfter') },
}

/** What may be wrong with any job that is submitted. */
export const SUBMIT_PROBLEMS: readonly ProblemKind[] = [
  'key-in-use',
  'body-too-large',
  'unsupported-media-type',
  'invalid-input',
  'key-reused',
  'cannot-remember',
  'queue-full',
]

/** A reference to a component. */
export function ref(section: 'schemas' | 'headers' | 'responses' | 'parameters', name: string): JsonSchema {
  return { $ref: `#/components/${section}/${name}` }
}

/** JSON content of a component's schema. */
export function json(schema: JsonSchema): JsonSchema {
  return { 'application/json': { schema } }
}

/** Makes the answers of one API. */
export class Answers {
  readonly #facts: AnswerFacts

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  /** An answer that is no problem. */
  ok(description: string, parts: { content?: JsonSchema; headers?: JsonSchema; links?: JsonSchema } = {}): JsonSchema {
    const headers = { ...parts.headers, ...this.#rate() }
    const { content, links } = parts
    return {
      description,
      ...(Object.keys(headers).length > 0 ? { headers } : {}),
      ...(content ? { content } : {}),
      ...(links ? { links } : {}),
    }
  }

  /** Problems that only an API with roles has. */
  ofRoles(...kinds: readonly ProblemKind[]): readonly ProblemKind[] {
    return this.#facts.audited ? kinds : []
  }

  /** The problems of an operation behind the gate, by status. `writes`: it changes something. */
  problems(writes: boolean, ...kinds: readonly ProblemKind[]): JsonSchema {
    const { secured, limited, audited } = this.#facts
    const all: readonly ProblemKind[] = [
      ...kinds,
      ...(writes && audited ? (['forbidden', 'audit-unavailable'] as const) : []),
      ...(secured ? (['unauthorized'] as const) : []),
      ...(writes ? (['cross-origin'] as const) : []),
      ...(limited ? (['rate-limited'] as const) : []),
      'misdirected-request',
      'internal-error',
      'overloaded',
      'store-unavailable',
    ]
    return this.byStatus([...new Set(all)])
  }

  /** Problems by status. One alone is a component; several of one status are distinguished by their type. */
  byStatus(kinds: readonly ProblemKind[]): JsonSchema {
    const groups = Map.groupBy(kinds, (kind) => PROBLEMS[kind].status)
    const answers = [...groups].map(([status, [first, ...more]]) => {
      const one = first as ProblemKind
      return [status, more.length === 0 ? ref('responses', one) : this.#several([one, ...more])]
    })
    return Object.fromEntries(answers)
  }

  /** The answer of each problem, for the document's components. */
  components(): JsonSchema {
    const kinds = Object.keys(PROBLEMS) as ProblemKind[]
    return Object.fromEntries(kinds.map((kind) => [kind, this.#one(kind)]))
  }

  #one(kind: ProblemKind): JsonSchema {
    const headers = { ...PROBLEM_HEADERS[kind], ...this.#rate() }
    return {
      description: PROBLEMS[kind].title,
      ...(Object.keys(headers).length > 0 ? { headers } : {}),
      content: { 'application/problem+json': { schema: schemaOf(kind), example: exampleOf(kind) } },
    }
  }

  #several(kinds: readonly ProblemKind[]): JsonSchema {
    // Those that do not come with each of them are not promised.
    const all = kinds.map((kind) => PROBLEM_HEADERS[kind] ?? {})
    const [first = {}, ...rest] = all
    const shared = Object.entries(first).filter(([name]) => rest.every((headers) => name in headers))
    const headers = { ...Object.fromEntries(shared), ...this.#rate() }
    return {
      description: kinds.map((kind) => PROBLEMS[kind].title).join(' · '),
      ...(Object.keys(headers).length > 0 ? { headers } : {}),
      content: {
        'application/problem+json': {
          schema: { oneOf: kinds.map(schemaOf) },
          examples: Object.fromEntries(kinds.map((kind) => [kind, { value: exampleOf(kind) }])),
        },
      },
    }
  }

  #rate(): JsonSchema {
    return this.#facts.limited ? RATE_HEADERS : {}
  }
}

/** Members of a problem beside those of RFC 9457. */
const PROBLEM_MEMBERS: Readonly<
  Partial<Record<ProblemKind, { readonly schema: JsonSchema; readonly example: unknown }>>
> = {
  'invalid-input': {
    schema: {
      type: 'object',
      properties: { errors: { type: 'array', items: ref('schemas', 'InputError') } },
      required: ['errors'],
    },
    example: { errors: [{ pointer: '#/dpi', code: 'invalid', detail: 'expected a number' }] },
  },
  'job-failed': { schema: withError(), example: { error: { type: 'RangeError', message: 'too far' } } },
  'job-unreadable': {
    schema: withError(),
    example: {
      error: { type: 'DecodeError', message: 'not readable as application/json: Unexpected end of JSON input' },
    },
  },
  'job-revoked': { schema: withError(), example: { error: { type: 'TaskRevokedError', message: 'revoked' } } },
}

function withError(): JsonSchema {
  const traceback = { type: 'string', description: 'For admins alone.' }
  const error = { allOf: [ref('schemas', 'JobError'), { type: 'object', properties: { traceback } }] }
  return { type: 'object', properties: { error }, required: ['error'] }
}

function schemaOf(kind: ProblemKind): JsonSchema {
  const own = {
    type: 'object',
    properties: { type: { const: problemType(kind) }, status: { const: PROBLEMS[kind].status } },
  }
  const more = PROBLEM_MEMBERS[kind]?.schema
  return { allOf: [ref('schemas', 'Problem'), own, ...(more ? [more] : [])] }
}

function exampleOf(kind: ProblemKind): JsonSchema {
  const { status, title } = PROBLEMS[kind]
  const more = PROBLEM_MEMBERS[kind]?.example ?? {}
  return { type: problemType(kind), title, status, detail: 'What happened this time.', instance: '/v1/…', ...more }
}

/** A parameter behind the `?`. */
export function query(name: string, schema: JsonSchema, description: string): JsonSchema {
  return { name, in: 'query', description, schema }
}
